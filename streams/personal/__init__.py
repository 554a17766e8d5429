"""What is kept of one person: which records and rows, in which form, until when."""
