"""Roomleft: how much room is left, when it runs out, how sure we are, and what more costs.

This package is the vocabulary that every other package speaks, and the two modules that know all of them: `app` and `cli`.
"""

__version__ = "0.1.0"
