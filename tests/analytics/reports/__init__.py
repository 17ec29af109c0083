"""Tests of what reports hold."""
