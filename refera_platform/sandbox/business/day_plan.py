"""The plan of one simulated day: first everything is read and decided, then it is written in one go.

So no choice depends on what the day itself has written.

    tables ──▶ what the business does (simulate_orders, _money, _people, _goods) ──▶ Draft ──▶ simulate_day
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from refera_platform.sandbox.business.dice import Dice
from refera_platform.sandbox.business.session import Row, Session

Kind = Literal["inserted", "updated", "deleted"]
ROWS_A_STEP = 25


@dataclass(frozen=True)
class Step:
    """One statement and its rows: what happens at one instant of the day."""

    table: str
    kind: Kind
    statement: str
    rows: Sequence[Row]


@dataclass(kw_only=True)
class Draft:
    """What will happen on a day, in order; every choice depends on the seed, the day and the tables."""

    session: Session
    seed: int
    day: date
    steps: list[Step] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    """Orders that already have their change of the day."""
    checks: int = 0
    """Check numbers handed out."""

    def dice(self, topic: str) -> Dice:
        """Dice that no other topic of the day throws."""
        return Dice(self.seed, self.day, topic)

    def add(self, table: str, kind: Kind, statement: str, rows: Sequence[Row]) -> None:
        """Have a statement run for each row, some rows at an instant."""
        for start in range(0, len(rows), ROWS_A_STEP):
            self.steps.append(Step(table, kind, statement, rows[start : start + ROWS_A_STEP]))

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Have whole rows inserted."""
        if rows:
            places = ", ".join(["%s"] * len(rows[0]))
            self.add(table, "inserted", f"insert into {table} values ({places})", rows)

    def take(self, orders: Sequence[int], count: int, dice: Dice) -> list[int]:
        """Up to ``count`` of the orders that have no change yet; they count as changed from now on."""
        chosen = dice.some([order for order in orders if order not in self.taken], count)
        self.taken.update(chosen)
        return chosen

    def wide(self, table: str, column: str) -> bool:
        """Whether a column can hold text beyond latin1; a restored dump may say no."""
        found = self.session.rows(
            "select character_set_name from information_schema.columns"
            " where table_schema = database() and table_name = %s and column_name = %s",
            table,
            column,
        )
        return bool(found) and str(found[0][0]).startswith("utf8")

    def check_number(self) -> str:
        """A number that no check of another day has; only the history's begin with two letters."""
        self.checks += 1
        dice = self.dice(f"check {self.checks}")
        letters = "".join(dice.pick("BCDFGHJKLM") for _ in range(3))
        return f"{letters}{self.day:%y%m%d}{self.checks}"
