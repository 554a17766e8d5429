"""`make evaluate`: how well Sidestep judges, on simulated companies. A developer's tool."""
