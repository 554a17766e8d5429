"""Text for a terminal, without what strangers could steer it by. Pure."""


def printable(text: str) -> str:
    """A text without what would steer a terminal or turn the reading direction: addresses come from strangers."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
