"""Server dialects: the interface ``Server``, and what MySQL and MariaDB do differently, in one module each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from refera_platform.source.position import Position

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Runs one statement on the server and returns its rows."""


@dataclass(frozen=True, kw_only=True)
class SnapshotPosition:
    """Binlog position of a consistent snapshot of all tables."""

    position: Position | None
    """The position of the snapshot or an earlier one; ``None`` without a binlog, or when the account may not see it."""
    is_exact: bool
    """Whether the snapshot has everything before the position and nothing after it; else it has a little more."""


class Server(Protocol):
    """A server of either kind."""

    @property
    def kind(self) -> str:
        """``mariadb`` or ``mysql``."""

    @property
    def before_dump(self) -> tuple[str, ...]:
        """Statements to run in a session before a binlog dump."""

    def identity(self) -> str:
        """Identifier of this server among all servers."""

    def begin_snapshot(self) -> SnapshotPosition:
        """Begin a transaction with one consistent snapshot of all tables; takes no lock."""

    def gtid_at(self, file: str, offset: int) -> str | None:
        """GTIDs before a binlog position; ``None`` when the server cannot say."""

    def gtid_after(self, before: str, gtid: str) -> str:
        """GTIDs ``before`` plus the next transaction's ``gtid``; empty when only the server can say."""

    def has_same_history(self, position: Position) -> bool:
        """Whether the position's GTIDs fit the server's history."""

    def binlog_files(self) -> list[tuple[str, int]]:
        """Name and bytes of each binlog file, oldest first."""

    def binlog_settings(self) -> Mapping[str, str]:
        """Settings that decide what the binlog holds, by name; without those that the server does not have."""


def server_version(ask: Ask) -> tuple[int, int]:
    """Major and minor version of the server; zeros when unknown."""
    match = re.match(r"(\d+)\.(\d+)", str(ask("select version()")[0][0]))
    return (int(match[1]), int(match[2])) if match else (0, 0)


def global_variables(ask: Ask, names: tuple[str, ...]) -> dict[str, str]:
    """Global variables by name, in lower case."""
    listed = ", ".join(f"'{name}'" for name in names)
    return {
        str(name).lower(): str(value) for name, value in ask(f"show global variables where variable_name in ({listed})")
    }
