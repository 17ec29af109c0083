"""Tests of the code itself: rules of design that a review would otherwise have to remember."""
