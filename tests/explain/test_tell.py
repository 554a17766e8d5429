"""What a story looks like on a terminal."""

from sidestep.schemas import LogPosition, Verdict, Versions
from sidestep.streams.explain.story import VerdictStory
from sidestep.streams.explain.tell import told

VERDICT = Verdict(
    id="1", to="jane@example.com", service="shop", decision="approved", action="send",
    evidence=LogPosition("email-evidence", 0, 0), versions=Versions("1"), decided_at=1.0,
)  # fmt: skip


def test_why_it_was_not_judged_again_has_lines_of_its_own() -> None:
    """Each snapshot that does not fit is one; a line's end is no character that can't be printed."""
    story = VerdictStory(verdict=VERDICT, place="email-approved/0/0", unseen="Of c:\n  too old\nWorkers take one")
    lines = list(told(story))
    assert ["  It was not judged again: Of c:", "  too old", "  Workers take one"] == lines[-3:]
    assert "\N{REPLACEMENT CHARACTER}" not in "".join(lines)
