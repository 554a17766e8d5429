"""The tests, in the order of the tree. `tests` is a package so that helpers are imported by one name: tests.….

pytest puts the root on the path (pyproject, pythonpath); the benchmark runs as `python -m tests.bench.run`."""
