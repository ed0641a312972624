"""Row preview as a markdown table, escaped so that no value breaks it. ``lake.preview`` selects the rows."""

from collections.abc import Sequence

from refera_platform.lake.preview import Preview

MASK, NULL, EMPTY = "•••", "*NULL*", "*empty*"
JOINER = "\N{WORD JOINER}"


def preview_markdown(preview: Preview) -> str:
    """The rows as a markdown table."""
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
    """Escape a text for a markdown table: it cannot end a column, open a tag or link, or change the text direction."""
    printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    # markdown also turns an address into a link when its characters are written as entities
    unlinked = printable.replace("://", f":{JOINER}//").replace("@", f"@{JOINER}").replace("www.", f"www{JOINER}.")
    return "".join(
        letter if letter.isalnum() or letter in f" {JOINER}" or not letter.isascii() else f"&#{ord(letter)};"
        for letter in unlinked
    )


def _markdown_row(columns: Sequence[str]) -> str:
    return f"| {' | '.join(columns)} |"
