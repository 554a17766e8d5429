"""The version of the fold. Pure.

The same log gives the same verdicts only by the same fold: every verdict names the one that it was judged by.
"""

ENGINE = "8"
"""Raised whenever a change lets any log give another verdict, row or tally; tests/decide/test_golden.py tells."""
