"""Tables of a page that stands alone. Pure."""

from collections.abc import Collection, Iterable, Sequence

from sidestep.streams.backtest.svg import text


def table(head: Sequence[str], rows: Iterable[Sequence[str]], counts: Collection[int] = (), kind: str = "plain") -> str:
    """HTML of a table; no head: rows alone. `counts`: columns of numbers; `kind`: its class."""

    def cells(tag: str, row: Sequence[str]) -> str:
        marked = (' class="count"' if at in counts else "" for at in range(len(row)))
        return "".join(f"<{tag}{mark}>{text(cell)}</{tag}>" for mark, cell in zip(marked, row, strict=True))

    lines_of = [f"<tr>{cells('th', head)}</tr>"] if head else []
    lines_of += [f"<tr>{cells('td', row)}</tr>" for row in rows]
    return f'<table class="{kind}">{"".join(lines_of)}</table>'
