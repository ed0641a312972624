"""Proof on demand: source, lake and warehouse against each other, value by value.

source ──== lake's current state ──== published tables        (the first differing row and column is named)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from refera_platform.answers.damage import Damage, damage, named_by
from refera_platform.answers.mirrors import MIRRORS, Mirror
from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.duckdb_session.scratch import scratch
from refera_platform.errors import LakeError
from refera_platform.lake.lake import Lake, RawObject, current_state, run
from refera_platform.lake.objects import ObjectRoot
from refera_platform.lake.schema_evolution import newest_shape, respelled
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES
from refera_platform.source.collation import Fold, fold_of, folded
from refera_platform.source.connection import Source, connect
from refera_platform.source.mysql.snapshot import pull
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.build.collations import collation_of
from refera_platform.warehouse.publish.fixed_keys import compared
from refera_platform.warehouse.publish.publication import Published, read, relation


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two places that should hold the same rows."""

    left: str
    right: str
    left_rows: int
    right_rows: int
    different: int
    """Rows that are on one side only, or differ in a column."""
    first: str = ""
    """The first of them, with its key, column and both values."""

    @property
    def agrees(self) -> bool:
        """Whether the two hold the same."""
        return self.different == 0 and not self.first


def verify(stage: Stage, started: Callable[[str], None] = lambda name: None) -> Iterator[Comparison]:
    """Compare every declared table with the lake, and the lake with every table that mirrors it.

    Args:
        stage: What to verify.
        started: Told of each table before it is read.
    """
    lake, root = Lake(stage), ObjectRoot(stage.warehouse, stage.store)
    published = read(root)
    yield _fixed_keys(root)
    with scratch(stage) as folder:
        yield _checksums("lake", damage(lake.objects, folder))
        yield _checksums("warehouse", damage(root, folder, named_by(published)))
    for database in dict.fromkeys(table.database for table in TABLES):
        tables = [table for table in TABLES if table.database == database]
        with scratch(stage) as folder, connect(stage, database, folder) as source:
            # looked up first: a row that comes meanwhile is then missing in the lake, which says how to mend it
            known = {table.name: lake.days(table, source.connection) for table in tables}
            with source.snapshot():
                for table in tables:
                    started(table.address)
                    yield _source_and_lake(stage, source, table, known[table.name], folder)
                    yield from _lake_and_warehouse(source, table, known[table.name], root, published)


def _fixed_keys(root: ObjectRoot) -> Comparison:
    """What the manifest names, and what other engines read."""
    found = compared(root)
    return Comparison(
        left="manifest",
        right="keys of other engines",
        left_rows=found.of,
        right_rows=found.of - len(found.copies) + len(found.left_over),
        different=len(found.keys),
        first=found.told,
    )


def _checksums(name: str, found: Damage) -> Comparison:
    """The bytes of every object, and the checksum that it was written with."""
    return Comparison(
        left=f"objects of the {name}",
        right="their checksums",
        left_rows=found.objects,
        right_rows=found.objects - len(found.damaged),
        different=len(found.damaged),
        first=found.first,
    )


def _source_and_lake(
    stage: Stage, source: Source, table: SourceTable, days: Mapping[date, RawObject], folder: Path
) -> Comparison:
    names = {"left": f"source {table.address}", "right": f"lake {table.address}"}
    read_now = pull(source, table, folder / "verify.parquet", stage.clock)
    columns = {column.name: column.name for column in read_now.columns}
    known = respelled(newest_shape(item.state.columns for item in days.values()), columns)
    there = current_state(table, days, known)
    strange = sorted(columns.keys() - known.keys())
    if there is None or strange:
        unseen = f"the lake has no column {', '.join(strange)} yet" if there else "the table was never captured"
        return Comparison(
            **names,
            left_rows=read_now.rows,
            right_rows=0,
            different=read_now.rows,
            first=f"{unseen}: refera run",
        )
    now = f"read_parquet({literal(str(read_now.path))})"
    keys = {name: name for name in table.key}
    try:
        return _compared(source.connection, names, now, there, keys, columns)
    except LakeError as trouble:
        return _unreadable(names, trouble)


def _lake_and_warehouse(
    source: Source, table: SourceTable, days: Mapping[date, RawObject], root: ObjectRoot, published: Published
) -> Iterator[Comparison]:
    there = current_state(table, days)
    for mirror in MIRRORS:
        if mirror.table != table.address or there is None:
            continue
        names = {"left": f"lake {table.address}", "right": f"warehouse {mirror.model}"}
        model = published.models.get(mirror.model)
        if model is None:
            yield Comparison(
                **names,
                left_rows=0,
                right_rows=0,
                different=0,
                first="the table was never published: refera run",
            )
            continue
        newest = [item.state for item in days.values() if item.state.is_observed][-1]
        same = {name: fold_of(collation_of(newest, name)) for name in mirror.renamed}
        told = ", ".join(
            f"{folded(quoted(mirror.columns[name]), fold)} as {quoted(mirror.columns[name])}"
            for name, fold in same.items()
        )
        replaced = f" replace ({told})" if told else ""
        right = f"(select *{replaced} from {relation(root, mirror.model, model)} where {mirror.where})"
        key = {name: mirror.columns[name] for name in table.key}
        try:
            left = _as_staged(source.connection, there, mirror, same)
            yield _compared(source.connection, names, left, right, key, mirror.columns)
        except LakeError as trouble:
            yield _unreadable(names, trouble)


def _unreadable(names: Mapping[str, str], trouble: LakeError) -> Comparison:
    """Objects that cannot be read end this comparison, and not the others."""
    return Comparison(**names, left_rows=0, right_rows=0, different=0, first=trouble.problem.rstrip(":"))


def _as_staged(connection: duckdb.DuckDBPyConnection, relation: str, mirror: Mirror, same: Mapping[str, Fold]) -> str:
    """The mirrored columns as staging has them: texts for show without blanks around them, others typed or folded."""
    kinds = {name: kind for name, kind, *_ in run(connection, f"describe select * from {relation}").fetchall()}
    cleaned = []
    for name in mirror.columns:
        value = quoted(name)
        if name in same:
            value = folded(value, same[name])
        elif kinds[name] == "VARCHAR" and name not in mirror.typed:
            value = f"trim({value})"
        cleaned.append(f"{value} as {quoted(name)}")
    return f"(select {', '.join(cleaned)} from {relation})"


def _compared(
    connection: duckdb.DuckDBPyConnection,
    names: Mapping[str, str],
    left: str,
    right: str,
    key: Mapping[str, str],
    columns: Mapping[str, str],
) -> Comparison:
    """Compare two relations whose columns are paired by ``columns`` and recognised by ``key``."""
    match = " and ".join(f"l.{quoted(one)} = r.{quoted(other)}" for one, other in key.items())
    one, other = next(iter(key.items()))
    alone = f"l.{quoted(one)} is null or r.{quoted(other)} is null"
    pairs = [(f"l.{quoted(name)}", f"r.{quoted(twin)}", name) for name, twin in columns.items()]
    differs = " or ".join(f"{mine} is distinct from {theirs}" for mine, theirs, _ in pairs)
    joined = f"from {left} as l full join {right} as r on {match} where {alone} or {differs}"
    counts = run(
        connection,
        f"select (select count(*) from {left}), (select count(*) from {right}), (select count(*) {joined})",
    ).fetchone()
    left_rows, right_rows, different = counts if counts else (0, 0, 0)
    first = ""
    if different:
        order = ", ".join(f"coalesce(l.{quoted(mine)}, r.{quoted(theirs)})" for mine, theirs in key.items())
        sides = ", ".join(f"{mine}, {theirs}" for mine, theirs, _ in pairs)
        row = run(connection, f"select {sides} {joined} order by {order} limit 1").fetchone() or ()
        first = _told(names, [name for _, _, name in pairs], list(key), row)
    return Comparison(**names, left_rows=left_rows, right_rows=right_rows, different=different, first=first)


def _told(names: Mapping[str, str], columns: list[str], key: list[str], row: tuple[Any, ...]) -> str:
    """A sentence about the first difference, from a row of alternating left and right values."""
    left = dict(zip(columns, row[::2], strict=True))
    right = dict(zip(columns, row[1::2], strict=True))
    mine = left if left[key[0]] is not None else right
    which = ", ".join(f"{name}={mine[name]!r}" for name in key)
    if left[key[0]] is None or right[key[0]] is None:
        return f"{which} is only in the {names['left'] if mine is left else names['right']}"
    name = next(name for name in columns if left[name] != right[name])
    return f"{which}: {name} is {left[name]!r} in the {names['left']} and {right[name]!r} in the {names['right']}"
