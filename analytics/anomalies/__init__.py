"""Readings that a series' past does not explain: how rare they are, and why they came about."""
