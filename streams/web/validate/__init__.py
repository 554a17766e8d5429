"""The point of entry: POST /v1/validate, for a form that wants an answer while a person types."""
