"""What DNS says of a domain: MX, null MX, addresses, exchanges."""
