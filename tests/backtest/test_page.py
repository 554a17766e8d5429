"""The page of a backtest: whole, in need of nothing else, and tame whatever strangers have written."""

import re
from html.parser import HTMLParser

from sidestep.schemas import Evidence
from sidestep.streams.backtest.page import page
from sidestep.streams.backtest.svg import BarRow, TimeLine, bars, lines
from tests.backtest.logs import compared
from tests.decide.world import START, feedback, intent, policy, policy_text

EVIL = '"><script src=//evil.example/x.js></script><img src=x onerror=alert(1)>\u202e\x1b[2J'
VOID = {"meta", "rect", "polyline", "line"}


class Elements(HTMLParser):
    """What a page consists of. Fails where an element is not closed by its own end."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert [] == self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One begins."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One that is empty."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """The last one that is open ends."""
        assert tag == self._open.pop()

    def handle_data(self, data: str) -> None:
        """Text."""
        self.texts.append(data)


def log_of(service: str) -> list[Evidence]:
    """Two messages, of which one would be dropped, and was opened."""
    role = intent("jane@example.com/7", to="info@example.com", classes=("role",), service=service)
    return [policy(), role, intent("2"), feedback("opened", "info@example.com", at=START + 60_000)]


def test_the_page_is_whole_and_asks_no_network() -> None:
    """No script, nothing that is loaded, no address of anybody; and the figures stand in it."""
    text = page(compared(log_of("shop"), policy_text({"role-address": "reject"})))
    found = Elements(text)
    assert set() == {"script", "link", "img", "iframe", "object", "a"} & set(found.tags)
    assert not re.search(r"https?:|//|url\(|@import", text.replace("<!DOCTYPE html>", ""))
    assert set() == {"src", "href", "style"} & {name for name, _ in found.attributes}
    assert "default-src 'none'; style-src 'unsafe-inline'" in [value for _, value in found.attributes]
    assert 5 == found.tags.count("svg")
    assert {"sent -> dropped (role-address)", "good mail lost", "engaged"} <= set(found.texts)
    assert "info@" not in text and "jane" not in text
    assert "prefers-color-scheme: dark" in text


def test_what_strangers_have_written_is_text() -> None:
    """In names of services, ids, policies."""
    text = page(compared(log_of(EVIL), policy_text({"role-address": "reject"}).replace('"default"', "'<b>x</b>'", 1)))
    found = Elements(text)
    assert set() == {"script", "img"} & set(found.tags) and "onerror" not in dict(found.attributes)
    assert "&lt;script src=" in text and "&lt;b&gt;x&lt;/b&gt;" in text and "\x1b" not in text and "\u202e" not in text


def test_a_report_of_nothing_is_a_page() -> None:
    """And so are plots of nothing."""
    assert "messages" in Elements(page(compared([policy()], policy_text()))).texts
    for plot in (bars([], []), bars([BarRow("x", [0])], ["after"]), lines([TimeLine("after", [])], "a", "b")):
        assert ["svg"] == Elements(plot).tags[:1]


def test_a_bar_is_as_long_as_its_number() -> None:
    """The longest has all the room."""
    plot = bars([BarRow("a", [50, 100]), BarRow("b", [0, 1])], ["before", "after"])
    assert ["210.0", "420.0", "0.0", "4.2"] == re.findall(r'width="([0-9.]+)"', plot)
