"""DNSBLs: block lists of domains that are asked over DNS (RFC 5782)."""
