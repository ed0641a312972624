"""The first row that differs between source and lake, among rows that were narrowed down to a few.

MySQL condition + SQL of the same rows in the lake ──▶ first_difference() ──▶ Difference: key, column, both values
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.lake.lake import run
from refera_platform.reconcile.hashed_rows import HashedRows
from refera_platform.source.checksum import TOKEN
from refera_platform.source.connection import Source

SHOWN = 60
"""Characters of a value that are told."""
NO_ROW = "The checksums differ and no single row does: run `refera verify`"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A row that differs, as sentences without their full stop."""

    place: str
    """Its key, and the columns."""
    told: str
    """The same with both values of the first column."""
    columns: str
    """The same with the names of key and columns alone: a key is a value of its row, too."""

    @classmethod
    def without_values(cls, place: str, columns: str) -> "Difference":
        """Of a row about which there is no more to tell."""
        return cls(place=place, told=place, columns=columns)


def first_difference(source: Source, there: HashedRows, lake_rows: str, where: str, folder: Path) -> Difference:
    """The first one in the order of the key.

    Args:
        source: A session inside of the snapshot.
        there: The lake's rows.
        lake_rows: SQL of those that are looked at.
        where: MySQL condition of the same rows.
        folder: Local folder.
    """
    checksums, connection = there.checksums, source.connection
    statement, columns = checksums.server_rows(where)
    path = folder / "source-hashes.parquet"
    source.stream(statement, columns, path)
    key, numbers = [each.name for each in checksums.key], checksums.names
    # as many rows as have the token: a row can be there twice, or its key be hashed in part
    told = ", ".join(
        [
            quoted(TOKEN),
            *(f"any_value({quoted(name)}) as {quoted(name)}" for name in key),
            "count(*) as n",
            *(f"sum({quoted(name)}) as {quoted(name)}" for name in numbers),
        ]
    )
    now = f"(select {told} from read_parquet({literal(str(path))}) group by 1)"
    was = f"(select {told} from {lake_rows} group by 1)"
    differs = [f"now.{quoted(name)} is distinct from was.{quoted(name)}" for name in numbers]
    order = ", ".join(f"coalesce(now.{quoted(name)}, was.{quoted(name)})" for name in [*key, TOKEN])
    found = run(
        connection,
        f"select {order}, coalesce(now.n, 0), coalesce(was.n, 0), {', '.join(differs)} from {now} as now"
        f" full join {was} as was using ({quoted(TOKEN)})"
        f" where now.n is distinct from was.n or {' or '.join(differs)} order by {order} limit 1",
    ).fetchone()
    if found is None:
        return Difference.without_values(NO_ROW, NO_ROW)
    width = len(key)
    named = ", ".join(f"{name}={shown(value)}" for name, value in zip(key, found[:width], strict=True))
    named = named or "A row, whose key is hashed"
    unnamed = f"a row, found by {', '.join(key)}" if key else named
    token, ours, theirs, *odd = found[width:]
    if ours != theirs:
        return Difference.without_values(_counted(named, ours, theirs), _counted(unnamed, ours, theirs))
    names = [each.name for each, is_odd in zip(checksums.columns, odd, strict=True) if is_odd]
    if ours > 1:
        return Difference.without_values(f"{named}: {names[0]} differs", f"{unnamed}: {names[0]} differs")
    source.stream(checksums.server_values(where, token), checksums.columns, path)
    mine = run(connection, f"select * from read_parquet({literal(str(path))})").fetchone() or ()
    at = [each.name for each in checksums.columns].index(names[0])
    theirs_value = there.values(token)[at]
    others = f", and {', '.join(names[1:])} differ too" if names[1:] else ""
    ours_value = shown(mine[at]) if mine else "gone"
    both = f"is {ours_value} in the source and {shown(theirs_value)} in the lake"
    return Difference(
        place=f"{named}: {names[0]} differs{others}",
        told=f"{named}: {names[0]} {both}{others}",
        columns=f"{unnamed}: {names[0]} differs{others}",
    )


def _counted(named: str, ours: int, theirs: int) -> str:
    if not theirs:
        return f"{named} is only in the source"
    if not ours:
        return f"{named} is only in the lake"
    return f"{named} is there {ours} times in the source and {theirs} times in the lake"


def shown(value: Any) -> str:
    """A value as a person reads it, cut when it is long."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        text = f"0x{value[:SHOWN].hex()}"
    else:
        text = repr(value[: SHOWN + 1]) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
