"""Who must know: rules, lifecycle, pipeline and silences will live here, and `channels/` that deliver."""
