"""Live display of a run: a table that is redrawn on a terminal, or one line for each event in a pipe.

headless.run_headless() ──ProgressEvent──▶ LiveTable ──▶ rich's Live on standard error; it stays after the run
"""

import os
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from refera_platform.cli.output import PipeSafeConsole, print_message, printable
from refera_platform.lake.object_state import OPERATION_NAMES

if TYPE_CHECKING:
    from refera_platform.orchestration.progress import ProgressEvent

GROUPS = ("lake", "staging", "warehouse", "answers")
PERSISTENT_KINDS = frozenset({"failure", "warning"})
"""Kinds of lines that stay on a terminal; a pipe also gets those of assets."""
STATE_STYLES = {
    "waiting": "dim",
    "running": "cyan",
    "built": "cyan",
    "done": "green",
    "failed": "bold red",
    "skipped": "dim",
}
MAX_RED_NAMES = 3
"""Most failed models or checks that are named beside their group; each has a line of its own above."""
MAX_NAME_CHARACTERS = 24
"""Characters of a table's name that are shown at any width of the terminal."""
RESERVED_LINES = 11
"""Lines of a terminal that raw tables cannot use: headings, groups of models, the status line."""


@dataclass(kw_only=True)
class TableLine:
    """State of one raw table, or of one group of models."""

    steps: set[str] = field(default_factory=set)
    assets: set[str] = field(default_factory=set)
    """Names of the assets."""
    built: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    failing: list[str] = field(default_factory=list)
    """Failed models and checks."""
    rows: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds: float = 0.0
    checks: int = 0
    checked: int = 0
    is_running: bool = False
    has_failed: bool = False
    is_over: bool = False
    """Whether the run is over, so that nothing is still waiting."""

    @property
    def state(self) -> str:
        """Waiting, running, built (and not yet published), done, failed or skipped."""
        if self.has_failed or self.failing:
            return "failed"
        if self.stored >= self.assets:
            return "done"
        if not self.is_running:
            return "skipped" if self.is_over else "waiting"
        return "built" if self.built | self.stored >= self.assets else "running"


class LiveTable:
    """State of a run, updated by its progress events; rich draws it."""

    def __init__(self, title: str, *, is_brief: bool = False, is_stopped: Callable[[], int] = lambda: 0) -> None:
        self._is_stopped = is_stopped
        self._title = title
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

    def on_line(self, kind: str, line: str) -> None:
        """Show a line (see ``headless.LineCallback``); failures of a stopped run are not shown."""
        if kind == "failure" and self._is_stopped():
            return
        if self._console is None:
            if kind in PERSISTENT_KINDS or kind == "waiting" or (kind == "asset" and not self._is_brief):
                print_message(line)
        elif kind in PERSISTENT_KINDS:
            self._console.print(printable(line), markup=False)
        elif kind in {"log", "waiting"}:
            self._last_line = line

    def on_event(self, event: "ProgressEvent") -> None:
        """Update the state."""
        with self._lock:
            self._apply_event(event)

    def _apply_event(self, event: "ProgressEvent") -> None:
        from refera_platform.orchestration.progress import ProgressKind

        kind = event.kind
        if kind in {ProgressKind.STARTED, ProgressKind.FAILED}:
            for line in self._lines.values():
                if event.step in line.steps and not line.stored >= line.assets:
                    line.is_running = kind is ProgressKind.STARTED
                    line.has_failed = kind is ProgressKind.FAILED
            return
        if kind is ProgressKind.LOGGED:
            self._last_line = event.line
            return
        target = self._line(event.asset)
        if target is not None:
            self._apply_to_line(target, event)

    def _apply_to_line(self, line: TableLine, event: "ProgressEvent") -> None:
        """Update the line of one asset."""
        from refera_platform.orchestration.progress import ProgressKind

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
            line.failing.append(event.line.rpartition(" ")[2] if kind is ProgressKind.CHECKED else event.asset)

    def _line(self, asset: str) -> TableLine | None:
        """Line of an asset, given by its key or, for a model, by its bare name."""
        if "/" in asset:
            name = asset if asset.startswith("raw/") else asset.partition("/")[0]
            return self._lines.setdefault(name, TableLine())
        return next((line for line in self._lines.values() if asset in line.assets), None)

    @staticmethod
    def _apply_materialization(line: TableLine, event: "ProgressEvent") -> None:
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
            yield from _draw_raw_tables(tables, room)
        if groups:
            yield _draw_groups(groups)
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
        if not sys.stderr.isatty():
            print_message(f"{self._title}: {self._last_line}")
            yield self
            return
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
                    yield self
                finally:
                    with self._lock:
                        self.is_over = True
                        for line in self._lines.values():
                            line.is_over = True


def _draw_raw_tables(lines: dict[str, TableLine], room: int) -> Iterator[RenderableType]:
    table = _empty_table("table", "state", *OPERATION_NAMES.values(), "seconds", "checks")
    visible = dict(lines)
    if len(lines) > room:
        notable = [name for name, line in lines.items() if line.state not in {"done", "waiting"}]
        visible = {name: lines[name] for name in notable[: room - 1]}
    for name, line in visible.items():
        rows = [f"{line.rows[op]:,.0f}" if line.stored else "" for op in OPERATION_NAMES]
        table.add_row(name.rpartition("/")[2], _state_text(line), *rows, _seconds_text(line), _checks_text(line))
    table.columns[0].min_width = min(
        MAX_NAME_CHARACTERS, max((len(name.rpartition("/")[2]) for name in visible), default=0)
    )
    yield table
    if len(visible) < len(lines):
        states = Counter(line.state for name, line in lines.items() if name not in visible)
        hidden = ", ".join(f"{count} {state}" for state, count in states.items())
        yield Text(f"… {hidden}", "dim", no_wrap=True, overflow="ellipsis")


def _draw_groups(lines: dict[str, TableLine]) -> Table:
    table = _empty_table("group", "state", "assets", "rows", "seconds", "checks")
    table.add_column("red", overflow="fold")  # the only column that shrinks on a narrow terminal
    for name, line in lines.items():
        done_count = len(line.built | line.stored)
        rows = f"{line.rows['now']:,.0f}" if line.rows["now"] else ""
        red_names, hidden_count = line.failing[:MAX_RED_NAMES], len(line.failing) - MAX_RED_NAMES
        red = Text(", ".join(red_names) + (f" and {hidden_count} more" if hidden_count > 0 else ""), "red")
        table.add_row(
            name,
            _state_text(line),
            f"{done_count}/{len(line.assets)}",
            rows,
            _seconds_text(line),
            _checks_text(line),
            red,
        )
    return table


def _empty_table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, collapse_padding=True)
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index < 2 else "right", no_wrap=True, overflow="ellipsis")
    return table


def _state_text(line: TableLine) -> Text:
    return Text(line.state, STATE_STYLES[line.state])


def _seconds_text(line: TableLine) -> str:
    return f"{line.seconds:.1f}" if line.seconds else ""


def _checks_text(line: TableLine) -> Text:
    style = "red" if line.failing else ("green" if line.checked == line.checks else "")
    return Text(f"{line.checked}/{line.checks}", style)


def _as_number(value: object) -> int | float:
    return value if isinstance(value, int | float) else 0
