"""The story of one verdict, of an address and of a domain, told from the log. docs/explain.md has the rest."""
