"""The optional mailbox probe: does the mailbox exist, as its own server says?"""
