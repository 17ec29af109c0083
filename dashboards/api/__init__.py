"""The HTTP API: routers, one a subject; how bodies are read, and what answers and refusals look like."""
