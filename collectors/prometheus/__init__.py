"""Prometheus pages that are scraped, and Prometheus servers that are asked."""
