"""OTLP: spans and metrics as OpenTelemetry sends them."""
