"""What others say of an address: block lists, feeds, reputation services, the mailbox probe."""
