"""Label values of metrics are bounded: whatever senders invent, a label takes few of them. Pure."""

LABEL_VALUES = 50
OTHER = "other"


def named(service: str) -> str:
    """A service's name as a label's value: who calls a service by an address has it counted among the others."""
    return OTHER if "@" in service else service


class LabelBounds:
    """The label values seen so far, at most LABEL_VALUES for each label name."""

    def __init__(self, most: int = LABEL_VALUES) -> None:
        self._most = most
        self._seen: dict[str, set[str]] = {}

    def bound(self, label: str, value: str) -> str:
        """`value`, or "other" where this label has too many already."""
        seen = self._seen.setdefault(label, set())
        if value in seen:
            return value
        if len(seen) >= self._most:
            return OTHER
        seen.add(value)
        return value
