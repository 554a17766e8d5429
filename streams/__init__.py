"""The workers: Screen finds out, Decide judges; app.py wires them together."""
