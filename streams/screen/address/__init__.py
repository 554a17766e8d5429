"""Addresses: syntax (RFC 5321, 5322, 6531), and which of them are one mailbox."""
