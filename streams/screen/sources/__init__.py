"""Sources of evidence about an address: block lists, feeds, reputation services, the mailbox probe."""
