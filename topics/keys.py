"""The key of a record that a service publishes. Pure."""

from sidestep.schemas import Bounce, EmailIntent, Engagement


def record_key(model: EmailIntent | Bounce | Engagement) -> str | None:
    """service/id: the same id of a service always lands on the same partition. None without an id."""
    return f"{model.service}/{model.id}" if model.id else None
