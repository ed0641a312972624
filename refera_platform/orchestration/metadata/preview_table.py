"""Preview of rows as a table of markdown that no value can break; which rows, ``lake.preview`` says."""

from collections.abc import Sequence

from refera_platform.lake.preview import Preview

MASK, NULL, EMPTY = "•••", "*NULL*", "*empty*"
JOINER = "\N{WORD JOINER}"


def preview_markdown(preview: Preview) -> str:
    """The rows as a table of markdown."""
    if not preview.rows:
        return "No rows."
    lines = [
        _markdown_row([escape_markdown(name) for name in preview.columns]),
        _markdown_row(["---"] * len(preview.columns)),
        *(_markdown_row(_format_row(preview, row)) for row in preview.rows),
    ]
    more = f"\n\n… and {preview.omitted_column_count} more columns" if preview.omitted_column_count else ""
    return "\n".join(lines) + more


def _format_row(preview: Preview, row: Sequence[str | None]) -> list[str]:
    values = iter(row)
    return [MASK if name in preview.hidden else _format_value(next(values)) for name in preview.columns]


def _format_value(value: str | None) -> str:
    if value is None:
        return NULL
    return escape_markdown(value) if value else EMPTY


def escape_markdown(text: str) -> str:
    """Text that markdown shows as it is: nothing in it ends a cell, is a tag, a link, or turns the line around."""
    printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    # an address becomes a link also when its signs are written as entities
    unlinked = printable.replace("://", f":{JOINER}//").replace("@", f"@{JOINER}").replace("www.", f"www{JOINER}.")
    return "".join(
        letter if letter.isalnum() or letter in f" {JOINER}" or not letter.isascii() else f"&#{ord(letter)};"
        for letter in unlinked
    )


def _markdown_row(columns: Sequence[str]) -> str:
    return f"| {' | '.join(columns)} |"
