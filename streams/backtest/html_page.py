"""A report as one HTML page that asks no network: style and plots are in it, no script, no address. Pure."""

from collections.abc import Iterable
from importlib.resources import files

from sidestep.streams.backtest.svg import text

CLOSED = "default-src 'none'; style-src 'unsafe-inline'"
"""Content-Security-Policy: whatever stands in the page, it loads nothing."""


def html_page(title: str, sections: Iterable[str]) -> str:
    """The whole page. `title`: plain text; `sections`: HTML."""
    style = files("sidestep.streams.backtest").joinpath("page.css").read_text("utf-8")
    body = "\n".join(sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CLOSED}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title>\n<style>\n{style}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )
