"""Pieces of screen that several pages share: pure functions from values to Dash components."""
