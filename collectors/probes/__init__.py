"""Looks from outside: HTTP, TCP, TLS."""
