"""`sidestep topics grow`: more partitions, and nothing forgotten (docs/decisions/065)."""
