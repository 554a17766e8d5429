"""POST /v1/validate: checks of addresses for a form that wants an answer while a person types."""
