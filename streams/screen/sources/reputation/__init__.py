"""Reputation services: asked over HTTP about an address or its domain."""
