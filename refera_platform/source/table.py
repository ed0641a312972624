"""What a source table is, before anything is read from it.

A ``SourceTable`` is a promise about one table of a database we do not own: how a row is recognised, how
its changes are seen, and which columns stay behind. Nothing here opens a connection.

    catalog (what) ──▶ strategy (how to ask) ──▶ readers (asking)
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from refera_platform.errors import SettingError

DATABASE_NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
OWNER_PATTERN = re.compile(r"team:[a-zA-Z0-9_-]+|[^@\s]+@[^@\s]+\.[^@\s.]+")


class Strategy(Enum):
    """How the changes of a table are seen. Every strategy writes the same raw rows."""

    SNAPSHOT = "snapshot"
    """The whole table every day: updates arrive as copies, deletes as absence."""
    COMPARE = "compare"
    """The whole table is read, and what differs from the lake's current state is kept."""
    CURSOR = "cursor"
    """Rows whose cursor column moved are read; deletes are never seen, updates only when they move it."""
    LOG = "log"
    """The server's own log is read: every change, once, in order."""


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """A column by which the source itself adds up a table, so that an answer can be compared group by group."""

    name: str
    """What the groups are called in the tests of the answers."""
    column: str
    of: str = ""
    """Another declared table of the database that has the column; empty for the table's own."""
    on: tuple[str, str] = ("", "")
    """The table's column and the key of the other table which it points at."""
    is_month: bool = False
    """Whether the column is a date, and a group its month, like 2026-11."""


@dataclass(frozen=True, kw_only=True)
class SourceTable:
    """One table we copy, a day at a time."""

    database: str
    """Our name of the database: first word of the asset key, of the folder and of the dbt source."""
    name: str
    """The table's name, exactly as the server spells it."""
    key: tuple[str, ...]
    """Columns that recognise a row; composite keys in declaration order."""
    strategy: Strategy = Strategy.LOG
    private: frozenset[str] = frozenset()
    """Columns that are left behind: they are never asked for, and skipped undecoded in the log."""
    hashed: frozenset[str] = frozenset()
    """Columns kept as HMAC-SHA256 of their text, keyed by ``REFERA_HASH_KEY``: equal values stay equal."""
    amount: tuple[str, ...] = ()
    """Columns whose product is a row's money: its sum at the source must be the warehouse's and each answer's."""
    groupings: tuple[Grouping, ...] = ()
    """How the source adds up the table's rows and amount in groups, each time that it is asked for both."""
    cursor: str = ""
    """For ``cursor``: the column that grows when a row comes or changes."""
    overlap: timedelta | int = timedelta(hours=1)
    """For ``cursor``: how far behind the highest value seen each run reads again; a number for numbers."""
    owner: str = "team:data-platform"
    """Who answers for it: ``team:<name>`` or an e-mail address."""
    is_previewed: bool = True
    """Whether some of its rows may be shown in Dagster, and so be kept in its event log."""
    due: timedelta = timedelta(hours=6)
    """How long after the end of a day it must have been captured; later is stale."""
    about: str
    """One sentence for the person who finds this table in the catalogue."""

    def __post_init__(self) -> None:
        where = f"The declaration of {self.database}.{self.name}"
        if not DATABASE_NAME_PATTERN.fullmatch(self.database):
            raise SettingError(f"{where} has a database name that is not lower-case letters, digits and _.")
        if not self.name or any(character in self.name for character in "/\\\0\n"):
            raise SettingError(f"{where} has a table name that cannot be a folder.")
        if not self.key or len(set(self.key)) != len(self.key) or not all(self.key):
            raise SettingError(f"{where} needs a key: one or more distinct columns that recognise a row.")
        if self.private & set(self.key):
            raise SettingError(f"{where} marks a key column as private:", "a row must stay recognisable.")
        if both := self.private & self.hashed:
            raise SettingError(f"{where} both drops and hashes {', '.join(sorted(both))}:", "choose one.")
        if (self.strategy is Strategy.CURSOR) != bool(self.cursor):
            raise SettingError(
                f"{where} has strategy {self.strategy.value} and cursor {self.cursor!r}:",
                "a cursor column belongs to strategy cursor, and to no other.",
            )
        if hidden := set(self.amount) & (self.private | self.hashed):
            raise SettingError(
                f"{where} hides {', '.join(sorted(hidden))}, of which its amount is made:",
                "leave the column open, or leave the amount out.",
            )
        own = {grouping.column for grouping in self.groupings if not grouping.of}
        if hidden := own & (self.private | self.hashed):
            raise SettingError(
                f"{where} hides {', '.join(sorted(hidden))}, by which it is grouped:",
                "leave the column open, or leave the grouping out.",
            )
        if self.cursor and self.cursor in self.private | self.hashed:
            raise SettingError(f"{where} hides its cursor column {self.cursor}:", "it must be read and compared.")
        if (self.overlap.total_seconds() if isinstance(self.overlap, timedelta) else self.overlap) < 0:
            raise SettingError(f"{where} has a negative overlap.")
        if not OWNER_PATTERN.fullmatch(self.owner):
            raise SettingError(f"{where} has owner {self.owner!r}:", "write team:data-platform, or an e-mail address.")
        if not self.about.endswith("."):
            raise SettingError(f"{where} needs one sentence about it, with its full stop.")

    @property
    def address(self) -> str:
        """``database.table``, as people write it."""
        return f"{self.database}.{self.name}"
