"""Exposition pages: both formats, the strict way and the fast way."""
