"""What the lists that ship with Sidestep say of an address and its domain."""
