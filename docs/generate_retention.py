"""Writes the table of topics in docs/personal-data.md from the catalog and the rights: `python
docs/generate_retention.py`; `--check` only compares."""

import sys
from pathlib import Path

from sidestep.topics.acls import may_read, principals
from sidestep.topics.catalog import CATALOG, DAY_MS, Topic

PAGE = Path(__file__).with_name("personal-data.md")
BEGIN, END = "<!-- topics: python docs/generate_retention.py -->\n", "<!-- end of topics -->\n"
HEAD = "| topic | addresses | kept | because | read by |\n|---|---|---|---|---|\n"


def render(page: str) -> str:
    """The page with its table as it should be."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + HEAD + "".join(map(_row, CATALOG)) + END + rest.partition(END)[2]


def _row(topic: Topic) -> str:
    kept = "compacted" if topic.retention_ms is None else f"{topic.retention_ms // DAY_MS} days"
    readers = [name for name in principals(["NAME"]) if may_read(name, topic)]
    who = ", ".join(f"`{name}`" for name in readers)
    addresses = "**in plain form**" if topic.addresses else "no"
    return f"| `{topic.name}` | {addresses} | {kept} | {topic.why_so_long} | {who} |\n"


def main(arguments: list[str]) -> int:
    """0: written, or up to date; 1: `--check` found a difference."""
    page = PAGE.read_text(encoding="utf-8")
    if "--check" not in arguments:
        PAGE.write_text(render(page), encoding="utf-8")
        return 0
    if page == render(page):
        return 0
    print("docs/personal-data.md is stale: run python docs/generate_retention.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
