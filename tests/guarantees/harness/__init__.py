"""What the guarantee tests share: worker processes, traffic, plain readers, and the fold as a model of the ledger."""
