"""Each channel against the real other end, or a double that keeps the other end's documented rules."""
