"""Feedback in any form: reports, complaints, bounce texts, webhook bodies. Pure: octets in, outcomes out."""
