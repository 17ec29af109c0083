"""Tests of the pages: words and sums, figures, callbacks driven over HTTP."""
