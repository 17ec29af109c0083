"""Every page walked in a real browser."""
