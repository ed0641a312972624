"""Preview of rows as a table of markdown that no value can break; which rows, ``lake.preview`` says."""

from collections.abc import Sequence

from refera_platform.lake.preview import Preview

MASK, NULL, EMPTY = "•••", "*NULL*", "*empty*"
JOINER = "\N{WORD JOINER}"


def as_markdown(preview: Preview) -> str:
    """The rows as a table of markdown."""
    if not preview.rows:
        return "No rows."
    lines = [
        _line([plain(name) for name in preview.columns]),
        _line(["---"] * len(preview.columns)),
        *(_line(_shown(preview, row)) for row in preview.rows),
    ]
    more = f"\n\n… and {preview.left_out} more columns" if preview.left_out else ""
    return "\n".join(lines) + more


def _shown(preview: Preview, row: Sequence[str | None]) -> list[str]:
    values = iter(row)
    return [MASK if name in preview.hidden else _value(next(values)) for name in preview.columns]


def _value(value: str | None) -> str:
    if value is None:
        return NULL
    return plain(value) if value else EMPTY


def plain(text: str) -> str:
    """Text that markdown shows as it is: nothing in it ends a cell, is a tag, a link, or turns the line around."""
    printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    # an address becomes a link also when its signs are written as entities
    unlinked = printable.replace("://", f":{JOINER}//").replace("@", f"@{JOINER}").replace("www.", f"www{JOINER}.")
    return "".join(
        letter if letter.isalnum() or letter in f" {JOINER}" or not letter.isascii() else f"&#{ord(letter)};"
        for letter in unlinked
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
