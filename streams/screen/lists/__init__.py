"""Lists that ship with Sidestep: classes of addresses and domains, providers, slips."""
