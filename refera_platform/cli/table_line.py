"""Lines of the live table: the state of one raw table, or of one group of models, and how rich draws them.

``cli.live_table`` updates the states by the progress events of a run.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from refera_platform.lake.object_state import OPERATION_NAMES

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


def draw_raw_tables(lines: dict[str, TableLine], room: int) -> Iterator[RenderableType]:
    """Draw raw tables on at most ``room`` lines; those that are done or wait are counted when there are more."""
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


def draw_groups(lines: dict[str, TableLine]) -> Table:
    """Draw groups of models, each with the names of what failed in it."""
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
