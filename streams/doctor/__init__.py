"""What `sidestep doctor` looks at: a check each, what follows from what it saw, and how that is shown."""
