"""Output on a terminal and in a pipe: results go to standard output, everything else to standard error."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from refera_platform.errors import ReferaError, SettingError

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters other than tab and line feed, and marks that change the direction of text."""
PIPE_WIDTH_COLUMNS = 160
"""Width in columns of a table that is not printed to a terminal; wide enough for every answer."""


class PipeSafeConsole(Console):
    """Console whose reader may close the pipe: output ends, and the command goes on."""

    def on_broken_pipe(self) -> None:
        """Discard the rest of the output; rich's own handler would end the process in the middle of a run."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def results_console() -> Console:
    """Console for results."""
    return PipeSafeConsole(width=None if sys.stdout.isatty() else PIPE_WIDTH_COLUMNS, highlight=False)


def messages_console() -> Console:
    """Console for progress and errors."""
    return PipeSafeConsole(
        stderr=True, width=None if sys.stderr.isatty() else PIPE_WIDTH_COLUMNS, highlight=False, soft_wrap=True
    )


def print_message(line: str) -> None:
    """Print one line of progress."""
    messages_console().print(printable(line), markup=False)


def results_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, hidden_count: int = 0) -> Table:
    """Table for people: numbers aligned to the right, NULL dim, with a count of the rows left out."""
    rich_table = Table(
        title=escape(printable(title)) or None,
        title_justify="left",
        caption_justify="left",
        header_style="bold",
    )
    if hidden_count:
        rich_table.caption = f"… and {hidden_count:,} more rows"
    content = [list(row) for row in rows]
    for index, name in enumerate(columns):
        is_numeric = any(isinstance(row[index], int | float) or hasattr(row[index], "as_tuple") for row in content)
        rich_table.add_column(escape(printable(name)), justify="right" if is_numeric else "left", overflow="fold")
    for row in content:
        rich_table.add_row(*(format_value(value) for value in row))
    return rich_table


def require_table_or_json(form: str) -> None:
    """Refuse an unknown ``--format`` of a command that prints a table or JSON.

    Raises:
        SettingError: for an unknown format.
    """
    if form not in {"table", "json"}:
        raise SettingError(f"--format {form!r} is not known:", "choose table or json.")


def format_value(value: Any) -> str:
    """One value for people; NULL differs from an empty text."""
    if value is None:
        return "[dim]NULL[/dim]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value:f}"  # str() would write a small number with an exponent
    return escape(printable(str(value)))


def printable(text: str) -> str:
    """Escape what would control a terminal: escape sequences, bells, changes of direction."""
    return CONTROL_CHARACTERS.sub(lambda match: ascii(match[0])[1:-1], text)


@contextmanager
def progress_steps(total: int | None, title: str) -> Iterator["ProgressSteps"]:
    """Progress bar on a terminal; in a pipe one line for each step."""
    if not sys.stderr.isatty():
        print_message(title)
        yield ProgressSteps(None, None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=messages_console(), transient=True) as progress:
        yield ProgressSteps(progress, progress.add_task(title, total=total))


class ProgressSteps:
    """Progress of one command; made by :func:`progress_steps`."""

    def __init__(self, progress: Progress | None, task: Any) -> None:
        self._progress, self._task = progress, task

    def update(self, done: float, total: float, description: str) -> None:
        """Show the progress within a long step."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total or None, description=description)

    def advance(self, description: str, *, is_kept: bool = True) -> None:
        """Show that one step ended; ``is_kept`` leaves its line on the screen."""
        if self._progress is None:
            if is_kept:
                print_message(description)
            return
        self._progress.advance(self._task)
        self._progress.update(self._task, description=description)
        if is_kept:
            self._progress.console.print(printable(description), markup=False)


def print_error(error: ReferaError) -> int:
    """Print an error, and its next step on a line of its own; returns the exit code."""
    console = messages_console()
    console.print("[bold red]Error[/bold red]", end=" ")
    console.print(printable(error.problem.rstrip()), markup=False)
    if error.remedy:
        console.print(f"  → {printable(error.remedy)}", markup=False)
    return 1
