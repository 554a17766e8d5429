"""DNS: the MX finding of a domain, by MX, null MX, addresses and exchanges."""
