"""OpenTelemetry's OTLP over HTTP: spans of AI calls become usage, metrics become samples. Texts that people or models wrote are never read.

`messages` reads and writes the wire; `calls` finds the AI calls among spans, `ancestry` those that repeat others, `senders` whose they are;
`readings` makes samples of metrics, `running` sums what comes as differences, `tokens` turns token metrics into usage where a pack asks for it.
"""
