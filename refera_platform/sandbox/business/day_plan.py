"""Plan of one simulated day: all reads and decisions come first, then all writes.

So no choice depends on what the day itself writes.

    tables ──▶ day_orders, day_payments, day_people, day_goods ──▶ DayDraft ──▶ simulate.simulate_day
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from refera_platform.sandbox.business.seeded_dice import SeededDice
from refera_platform.sandbox.business.session import SampleRow, SampleSession

ChangeKind = Literal["inserted", "updated", "deleted"]
MAX_ROWS_PER_STEP = 25


@dataclass(frozen=True)
class DayStep:
    """One statement and its rows, all at one instant of the day."""

    table: str
    kind: ChangeKind
    statement: str
    rows: Sequence[SampleRow]


@dataclass(kw_only=True)
class DayDraft:
    """The changes of a day, in order. Every choice depends on the seed, the day and the tables only."""

    session: SampleSession
    seed: int
    day: date
    steps: list[DayStep] = field(default_factory=list)
    changed_orders: set[int] = field(default_factory=set)
    """Orders that already have their change of the day."""
    check_count: int = 0
    """Check numbers used so far."""

    def dice(self, topic: str) -> SeededDice:
        """Random numbers that no other topic of the day shares."""
        return SeededDice(self.seed, self.day, topic)

    def add_steps(self, table: str, kind: ChangeKind, statement: str, rows: Sequence[SampleRow]) -> None:
        """Add a statement to run for each row, in steps of some rows each."""
        for start in range(0, len(rows), MAX_ROWS_PER_STEP):
            self.steps.append(DayStep(table, kind, statement, rows[start : start + MAX_ROWS_PER_STEP]))

    def insert(self, table: str, rows: Sequence[SampleRow]) -> None:
        """Add the insertion of whole rows."""
        if rows:
            placeholders = ", ".join(["%s"] * len(rows[0]))
            self.add_steps(table, "inserted", f"insert into {table} values ({placeholders})", rows)

    def claim_orders(self, orders: Sequence[int], count: int, dice: SeededDice) -> list[int]:
        """Choose up to ``count`` orders that have no change yet, and mark them as changed."""
        chosen = dice.sample([order for order in orders if order not in self.changed_orders], count)
        self.changed_orders.update(chosen)
        return chosen

    def is_wide_column(self, table: str, column: str) -> bool:
        """Whether a column can hold text beyond latin1; in a restored dump it may not."""
        charset_rows = self.session.rows(
            "select character_set_name from information_schema.columns"
            " where table_schema = database() and table_name = %s and column_name = %s",
            table,
            column,
        )
        return bool(charset_rows) and str(charset_rows[0][0]).startswith("utf8")

    def next_check_number(self) -> str:
        """A number that no check of another day has. Checks of the history begin with two letters, these with three."""
        self.check_count += 1
        dice = self.dice(f"check {self.check_count}")
        letters = "".join(dice.pick("BCDFGHJKLM") for _ in range(3))
        return f"{letters}{self.day:%y%m%d}{self.check_count}"
