"""One file a role: what a worker that plays it is made of."""
