"""The mailbox probe, which is optional: does the mailbox exist, as its own server says?"""
