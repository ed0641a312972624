"""What differs between MySQL and MariaDB, one small module each; everything else asks a ``Server``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from refera_platform.source.mysql.binlog.position import Position

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Runs one statement on the server and gives its rows."""


@dataclass(frozen=True, kw_only=True)
class SnapshotPosition:
    """The moment that a consistent view of all tables shows."""

    position: Position | None
    """The same moment in the log, or an earlier one; ``None`` when there is none that the account may see."""
    is_exact: bool
    """Whether the view has everything before the position and nothing after it; else a little more."""


class Server(Protocol):
    """One server, of either kind."""

    @property
    def kind(self) -> str:
        """``mariadb`` or ``mysql``."""

    @property
    def before_dump(self) -> tuple[str, ...]:
        """Statements of a session that is going to read the log."""

    def identity(self) -> str:
        """What tells the server from every other one."""

    def begin_snapshot(self) -> SnapshotPosition:
        """Begin a transaction that sees one moment of all tables; no lock is taken."""

    def gtid_at(self, file: str, offset: int) -> str | None:
        """GTIDs of all before a place in the log; ``None`` when the server cannot say."""

    def gtid_after(self, before: str, gtid: str) -> str:
        """GTIDs of all before a place and of the transaction behind it; empty when only the server can say."""

    def has_same_history(self, position: Position) -> bool:
        """Whether the GTIDs of a place do not contradict what the server has done."""

    def binlog_files(self) -> list[tuple[str, int]]:
        """Name and bytes of each file of the log, oldest first."""

    def binlog_settings(self) -> Mapping[str, str]:
        """Settings that decide what the log tells, by name; those that the server does not know are absent."""


def detect_server(ask: Ask) -> Server:
    """The dialect of the server that answers."""
    from refera_platform.source.mysql.server.mariadb import MariaDB
    from refera_platform.source.mysql.server.mysql import MySQL

    return MariaDB(ask) if "mariadb" in str(ask("select version()")[0][0]).lower() else MySQL(ask)


def server_version(ask: Ask) -> tuple[int, int]:
    """The first two numbers of the server's version; zeros when it does not tell them."""
    match = re.match(r"(\d+)\.(\d+)", str(ask("select version()")[0][0]))
    return (int(match[1]), int(match[2])) if match else (0, 0)


def global_variables(ask: Ask, names: tuple[str, ...]) -> dict[str, str]:
    """Global variables by name."""
    listed = ", ".join(f"'{name}'" for name in names)
    return {
        str(name).lower(): str(value) for name, value in ask(f"show global variables where variable_name in ({listed})")
    }
