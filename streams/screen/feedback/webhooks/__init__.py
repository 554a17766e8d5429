"""The webhook bodies of providers, one file each."""
