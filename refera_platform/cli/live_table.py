"""A run as it goes: a table that changes on a terminal, a line an event in a pipe.

headless.run ──Event──▶ Board ──▶ rich's Live on standard error, where it stays when the run is over
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

from refera_platform.cli.output import Lines, printable, say
from refera_platform.lake.object_state import OPERATIONS

if TYPE_CHECKING:
    from refera_platform.orchestration.progress import Event

GROUPS = ("lake", "staging", "warehouse", "answers")
KEPT = frozenset({"failure", "warning"})
"""Kinds of lines that stay on a terminal; in a pipe those of assets stay too."""
STYLES = {
    "waiting": "dim",
    "running": "cyan",
    "built": "cyan",
    "done": "green",
    "failed": "bold red",
    "skipped": "dim",
}
NAMED = 3
"""Red models or checks that are named beside their group; each has a line of its own above."""
LONGEST = 24
"""Letters of a table's name that are shown whatever the width."""
AROUND = 11
"""Lines of a terminal that are not for raw tables: headings, the groups of models, the log's last line."""


@dataclass(kw_only=True)
class Line:
    """What is known of one raw table, or of one group of models."""

    steps: set[str] = field(default_factory=set)
    assets: set[str] = field(default_factory=set)
    """Names of the assets."""
    built: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    failing: list[str] = field(default_factory=list)
    """Models and checks that are red."""
    rows: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds: float = 0.0
    checks: int = 0
    checked: int = 0
    is_running: bool = False
    has_failed: bool = False
    is_over: bool = False
    """Whether the run is over, so that nothing is waited for any more."""

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


class Board:
    """The state of a run, told by its events; a thing that rich can draw."""

    def __init__(self, title: str, *, brief: bool = False, is_stopped: Callable[[], int] = lambda: 0) -> None:
        self._is_stopped = is_stopped
        self._title = title
        self._started = time.monotonic()
        self._spinner = Spinner("dots")
        self._brief = brief
        self._log = "loading Dagster and dbt"
        self._lines: dict[str, Line] = {}
        self._console: Console | None = None
        self._lock = threading.Lock()
        self.is_over = False

    @property
    def is_shown(self) -> bool:
        """Whether somebody sees it."""
        return self._console is not None

    def tell(self, kind: str, line: str) -> None:
        """One line about what happened (see ``headless.Tell``); of a run that was stopped nothing is a failure."""
        if kind == "failure" and self._is_stopped():
            return
        if self._console is None:
            if kind in KEPT or kind == "waiting" or (kind == "asset" and not self._brief):
                say(line)
        elif kind in KEPT:
            self._console.print(printable(line), markup=False)
        elif kind in {"log", "waiting"}:
            self._log = line

    def watch(self, event: "Event") -> None:
        """Take in what happened."""
        with self._lock:
            self._watch(event)

    def _watch(self, event: "Event") -> None:
        from refera_platform.orchestration.progress import What

        what = event.what
        if what in {What.STARTED, What.FAILED}:
            for line in self._lines.values():
                if event.step in line.steps and not line.stored >= line.assets:
                    line.is_running = what is What.STARTED
                    line.has_failed = what is What.FAILED
            return
        if what is What.SAID:
            self._log = event.line
            return
        found = self._line(event.asset)
        if found is not None:
            self._take(found, event)

    def _take(self, line: Line, event: "Event") -> None:
        """Take in what happened to one asset."""
        from refera_platform.orchestration.progress import What

        what = event.what
        if what is What.PLANNED:
            self._log = "planning"
            line.assets.add(event.asset.rpartition("/")[2])
            line.steps.add(event.step)
        elif what is What.CHECK_PLANNED:
            line.checks += 1
        elif what is What.BUILT:
            self._log = event.line
            line.seconds += event.seconds
            line.built.add(event.asset)
        elif what is What.STORED:
            self._stored(line, event)
        elif what is What.CHECKED:
            line.checked += event.passed
        if not event.passed:
            line.failing.append(event.line.rpartition(" ")[2] if what is What.CHECKED else event.asset)

    def _line(self, asset: str) -> Line | None:
        """The line of an asset, or of a model by its bare name."""
        if "/" in asset:
            name = asset if asset.startswith("raw/") else asset.partition("/")[0]
            return self._lines.setdefault(name, Line())
        return next((line for line in self._lines.values() if asset in line.assets), None)

    @staticmethod
    def _stored(line: Line, event: "Event") -> None:
        line.stored.add(event.asset.rpartition("/")[2])
        told = event.metadata
        if event.asset.startswith("raw/"):
            for op in OPERATIONS:
                line.rows[op] += _number(told.get(f"rows_added_{op}"))
            line.seconds = max(line.seconds, _number(told.get("seconds")))
        else:
            line.rows["now"] += _number(told.get("dagster/row_count"))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it in the room that there is; another thread asks for it."""
        with self._lock:
            yield Group(*self._parts(options.max_height))

    def _parts(self, height: int) -> Iterator[RenderableType]:
        tables = {name: line for name, line in self._lines.items() if name.startswith("raw/") and line.assets}
        groups = {name: self._lines[name] for name in GROUPS if name in self._lines and self._lines[name].assets}
        if tables:
            # what is over must not scroll away from what is going on; at the end all of it may
            room = max(3, height - AROUND) if not self.is_over else len(tables)
            yield from _raw_table(tables, room)
        if groups:
            yield _group_table(groups)
        seconds = f"{time.monotonic() - self._started:.0f} s"
        if not self.is_over:
            now = Text(
                f"{self._title} · {seconds} · {' '.join(self._log.split())}",
                no_wrap=True,
                overflow="ellipsis",
            )
            self._spinner.update(text=now)
            yield self._spinner

    @contextmanager
    def drawn(self) -> Iterator["Board"]:
        """Show it while the block lasts: on a terminal as a table, in a pipe as lines."""
        if not sys.stderr.isatty():
            say(f"{self._title}: {self._log}")
            yield self
            return
        # Dagster sends what a step writes to standard error into a file: a descriptor of our own stays the terminal
        with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal:
            self._console = Lines(file=terminal, highlight=False, soft_wrap=True)
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


def _raw_table(lines: dict[str, Line], room: int) -> Iterator[RenderableType]:
    drawn = _table("table", "state", *OPERATIONS.values(), "seconds", "checks")
    shown = dict(lines)
    if len(lines) > room:
        telling = [name for name, line in lines.items() if line.state not in {"done", "waiting"}]
        shown = {name: lines[name] for name in telling[: room - 1]}
    for name, line in shown.items():
        rows = [f"{line.rows[op]:,.0f}" if line.stored else "" for op in OPERATIONS]
        drawn.add_row(name.rpartition("/")[2], _state(line), *rows, _seconds(line), _checks(line))
    drawn.columns[0].min_width = min(LONGEST, max((len(name.rpartition("/")[2]) for name in shown), default=0))
    yield drawn
    if len(shown) < len(lines):
        states = Counter(line.state for name, line in lines.items() if name not in shown)
        more = ", ".join(f"{count} {state}" for state, count in states.items())
        yield Text(f"… {more}", "dim", no_wrap=True, overflow="ellipsis")


def _group_table(lines: dict[str, Line]) -> Table:
    drawn = _table("group", "state", "assets", "rows", "seconds", "checks")
    drawn.add_column("red", overflow="fold")  # the only one that gives way on a narrow terminal
    for name, line in lines.items():
        done = len(line.built | line.stored)
        rows = f"{line.rows['now']:,.0f}" if line.rows["now"] else ""
        named, others = line.failing[:NAMED], len(line.failing) - NAMED
        red = Text(", ".join(named) + (f" and {others} more" if others > 0 else ""), "red")
        drawn.add_row(name, _state(line), f"{done}/{len(line.assets)}", rows, _seconds(line), _checks(line), red)
    return drawn


def _table(*columns: str) -> Table:
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, collapse_padding=True)
    for place, name in enumerate(columns):
        drawn.add_column(name, justify="left" if place < 2 else "right", no_wrap=True, overflow="ellipsis")
    return drawn


def _state(line: Line) -> Text:
    return Text(line.state, STYLES[line.state])


def _seconds(line: Line) -> str:
    return f"{line.seconds:.1f}" if line.seconds else ""


def _checks(line: Line) -> Text:
    style = "red" if line.failing else ("green" if line.checked == line.checks else "")
    return Text(f"{line.checked}/{line.checks}", style)


def _number(value: object) -> int | float:
    return value if isinstance(value, int | float) else 0
