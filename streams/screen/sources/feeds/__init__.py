"""Feeds: lists of domains, addresses or hashes from files and HTTPS addresses, refreshed on a schedule."""
