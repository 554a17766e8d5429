"""Snapshots of ledgers: a partition's state at a marker, as files that anybody can check, in a folder or object store.

Knows nothing about email. Who takes them are the stages' roles; who begins from one is a fresh worker, and an audit
(streams/audit/beginning.py).
"""
