"""A soak: random faults of all kinds under load, and the question whether every intent has its one verdict.

`make soak SECONDS=1800 SEED=1`, or `python -m tests.soak --help`. plan.py says what goes wrong and when,
worker_faults.py and world_faults.py do it, load.py publishes, watch.py reads the verdicts, checker.py says what that
comes to.
"""
