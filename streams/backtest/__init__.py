"""Another policy on the same log: what it would have made of each message, and what is known of those since."""
