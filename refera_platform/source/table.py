"""Declared source tables: key, strategy, private columns and more of every table that is copied.

A ``SourceTable`` describes one table of a database that we do not own. Opens no connection: ``connection`` does.
``project`` reads which tables there are.

    project (which tables) ──▶ Strategy (how changes are captured) ──▶ readers
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from refera_platform.errors import SettingError

DATABASE_NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
OWNER_PATTERN = re.compile(r"team:[a-zA-Z0-9_-]+|[^@\s]+@[^@\s]+\.[^@\s.]+")


class Strategy(Enum):
    """How the changes of a table are captured. Every strategy writes the same raw rows."""

    SNAPSHOT = "snapshot"
    """The whole table is copied every day: an update is a changed copy, a deleted row is absent."""
    COMPARE = "compare"
    """The whole table is read, and its differences from the lake's current state are kept."""
    CURSOR = "cursor"
    """Rows with a higher cursor value are read; deletes are never captured, updates only when they raise the cursor."""
    LOG = "log"
    """The server's binlog is read: every change, once, in order."""


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """A column by which rows and amount are added up at the source, to be compared with an answer group by group."""

    name: str
    """Name of the grouping in the tests of the answers."""
    column: str
    of: str = ""
    """Another declared table of the database that has the column; empty when this table has it."""
    on: tuple[str, str] = ("", "")
    """The foreign-key column of this table, and the key column of the other table."""
    is_month: bool = False
    """Whether the column is a date that is grouped by month, like 2026-11."""


@dataclass(frozen=True, kw_only=True)
class SourceTable:
    """A table of a source database, copied a day at a time."""

    database: str
    """Name of the database: first part of the asset key and of the S3 folder, and name of the dbt source."""
    name: str
    """Name of the table, exactly as the server spells it."""
    key: tuple[str, ...]
    """Columns that identify a row; a composite key in declaration order."""
    strategy: Strategy = Strategy.LOG
    private: frozenset[str] = frozenset()
    """Columns that are not copied: never selected, and skipped undecoded in the binlog."""
    hashed: frozenset[str] = frozenset()
    """Columns replaced by the HMAC-SHA256 of their text, keyed by ``REFERA_HASH_KEY``: equal values stay equal."""
    amount: tuple[str, ...] = ()
    """Columns whose product is a row's money; its sum must be equal at the source, in the warehouse and in answers."""
    groupings: tuple[Grouping, ...] = ()
    """Groupings in which rows and amount are added up at the source, each day."""
    cursor: str = ""
    """For ``cursor``: the column that grows when a row is inserted or updated."""
    overlap: timedelta | int = timedelta(hours=1)
    """For ``cursor``: how far below the highest value of the last run a run starts; a number for a numeric column."""
    owner: str = "team:data-platform"
    """Owner: ``team:<name>`` or an e-mail address."""
    is_previewed: bool = True
    """Whether sample rows may be shown in Dagster, and so be stored in its event log."""
    due: timedelta = timedelta(hours=6)
    """How long after the end of a day it must be captured; later it is stale."""
    about: str
    """One-sentence description, shown in Dagster and in the docs."""

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
        """``database.table``."""
        return f"{self.database}.{self.name}"
