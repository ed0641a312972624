"""Live display of a run: a table that is redrawn on a terminal, or one line for each event in a pipe.

log record with a ProgressEvent ──▶ LiveTable ──▶ rich's Live on standard error; it stays after the run

``orchestration.progress`` logs the events.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from refera_platform.cli.output import PipeSafeConsole, print_message, printable
from refera_platform.cli.table_line import TableLine, draw_groups, draw_raw_tables
from refera_platform.lake.object_state import OPERATION_NAMES
from refera_platform.orchestration.progress import LOGGER, ProgressEvent, ProgressKind
from refera_platform.orchestration.stop_signal import NEVER_STOPPED, StopSignal

GROUPS = ("lake", "staging", "warehouse", "answers")
RESERVED_LINES = 11
"""Lines of a terminal that raw tables cannot use: headings, groups of models, the status line."""


class LiveTable(logging.Handler):
    """Handler of the records of a run's progress: keeps the state of the run, which rich draws."""

    def __init__(self, title: str, *, is_brief: bool = False, stop_signal: StopSignal = NEVER_STOPPED) -> None:
        super().__init__()
        self._title, self._stop_signal = title, stop_signal
        self._started = time.monotonic()
        self._spinner = Spinner("dots")
        self._is_brief = is_brief
        self._last_line = "loading Dagster and dbt"
        self._lines: dict[str, TableLine] = {}
        self._console: Console | None = None
        self._lock = threading.Lock()
        self.is_over = False

    @property
    def is_live(self) -> bool:
        """Whether it is drawn on a terminal."""
        return self._console is not None

    def emit(self, record: logging.LogRecord) -> None:
        """Update the state, and show the line of an event that stays; ``logging`` calls this for each record."""
        event: ProgressEvent = record.progress  # type: ignore[attr-defined]
        with self._lock:
            self._apply_event(event)
        if event.level < logging.ERROR or not self._stop_signal.number:  # all that was under way fails with a signal
            self._show_line(event)

    def _show_line(self, event: ProgressEvent) -> None:
        """Show the line of a failure or a warning; in a pipe also those of assets and waits."""
        is_persistent = event.level >= logging.WARNING
        if self._console is not None:
            if is_persistent:
                self._console.print(printable(event.line), markup=False)
        elif (
            is_persistent
            or event.kind is ProgressKind.WAITING
            or (event.kind is ProgressKind.MATERIALIZED and not self._is_brief)
        ):
            print_message(event.line)

    def _apply_event(self, event: ProgressEvent) -> None:
        kind = event.kind
        if kind in {ProgressKind.STARTED, ProgressKind.FAILED}:
            for line in self._lines.values():
                if event.step in line.steps and not line.stored >= line.assets:
                    line.is_running = kind is ProgressKind.STARTED
                    line.has_failed = kind is ProgressKind.FAILED
            return
        if kind in {ProgressKind.LOGGED, ProgressKind.WAITING}:
            self._last_line = event.line
            return
        target = self._line(event.asset)
        if target is not None:
            self._apply_to_line(target, event)

    def _apply_to_line(self, line: TableLine, event: ProgressEvent) -> None:
        """Update the line of one asset."""
        kind = event.kind
        if kind is ProgressKind.PLANNED:
            self._last_line = "planning"
            line.assets.add(event.asset.rpartition("/")[2])
            line.steps.add(event.step)
        elif kind is ProgressKind.CHECK_PLANNED:
            line.checks += 1
        elif kind is ProgressKind.BUILT:
            self._last_line = event.line
            line.seconds += event.seconds
            line.built.add(event.asset)
        elif kind is ProgressKind.MATERIALIZED:
            self._apply_materialization(line, event)
        elif kind is ProgressKind.CHECKED:
            line.checked += event.passed
        if not event.passed:
            line.failing.append(event.check or event.asset)

    def _line(self, asset: str) -> TableLine | None:
        """Line of an asset, given by its key or, for a model, by its bare name."""
        if "/" in asset:
            name = asset if asset.startswith("raw/") else asset.partition("/")[0]
            return self._lines.setdefault(name, TableLine())
        return next((line for line in self._lines.values() if asset in line.assets), None)

    @staticmethod
    def _apply_materialization(line: TableLine, event: ProgressEvent) -> None:
        line.stored.add(event.asset.rpartition("/")[2])
        metadata = event.metadata
        if event.asset.startswith("raw/"):
            for op in OPERATION_NAMES:
                line.rows[op] += _as_number(metadata.get(f"rows_added_{op}"))
            line.seconds = max(line.seconds, _as_number(metadata.get("seconds")))
        else:
            line.rows["now"] += _as_number(metadata.get("dagster/row_count"))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw within the height of the terminal; rich calls it from another thread."""
        with self._lock:
            yield Group(*self._parts(options.max_height))

    def _parts(self, height: int) -> Iterator[RenderableType]:
        tables = {name: line for name, line in self._lines.items() if name.startswith("raw/") and line.assets}
        groups = {name: self._lines[name] for name in GROUPS if name in self._lines and self._lines[name].assets}
        if tables:
            # finished tables must not push running ones off the screen; after the run the whole table may scroll
            room = max(3, height - RESERVED_LINES) if not self.is_over else len(tables)
            yield from draw_raw_tables(tables, room)
        if groups:
            yield draw_groups(groups)
        seconds = f"{time.monotonic() - self._started:.0f} s"
        if not self.is_over:
            now = Text(
                f"{self._title} · {seconds} · {' '.join(self._last_line.split())}",
                no_wrap=True,
                overflow="ellipsis",
            )
            self._spinner.update(text=now)
            yield self._spinner

    @contextmanager
    def display(self) -> Iterator["LiveTable"]:
        """Display the run for the length of the block: a table on a terminal, lines in a pipe."""
        previous_level = LOGGER.level
        LOGGER.addHandler(self)
        LOGGER.setLevel(logging.INFO)
        try:
            with self._drawing() if sys.stderr.isatty() else nullcontext():
                if self._console is None:
                    print_message(f"{self._title}: {self._last_line}")
                yield self
        finally:
            LOGGER.removeHandler(self)
            LOGGER.setLevel(previous_level)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Draw the table on the terminal for the length of the block."""
        # Dagster redirects the standard error of a step to a file; a duplicated descriptor still writes to the terminal
        with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal:
            self._console = PipeSafeConsole(file=terminal, highlight=False, soft_wrap=True)
            with Live(
                self,
                console=self._console,
                refresh_per_second=8,
                redirect_stdout=False,
                redirect_stderr=False,
            ):
                try:
                    yield
                finally:
                    with self._lock:
                        self.is_over = True
                        for line in self._lines.values():
                            line.is_over = True


def _as_number(value: object) -> int | float:
    return value if isinstance(value, int | float) else 0
