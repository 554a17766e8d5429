"""HTTP services that are asked about an address."""
