"""Verification (``refera verify``): compares source, lake and warehouse with each other, value by value.

Repairs nothing. ``damage`` compares checksums of objects, ``mirrors`` pairs tables.

source ──== lake's current state ──== published tables        (the first differing row and column is named)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from refera_platform.answers.checksums import ChecksumResult, checksums_of_publication, verify_checksums
from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import LakeError
from refera_platform.lake.lake import Lake, RawObject, current_state, observed_states, run_sql
from refera_platform.lake.objects import ObjectRoot
from refera_platform.lake.schema_evolution import newest_column_types, respell_columns
from refera_platform.project.model import Mirror, Project
from refera_platform.settings.stage import Stage
from refera_platform.source.collation import CollationFold, collation_fold, folded_text_sql
from refera_platform.source.connection import Source, open_source
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.build.collations import collation_of
from refera_platform.warehouse.publish.fixed_keys import compare_fixed_keys
from refera_platform.warehouse.publish.manifest import Publication, published_relation, read_publication


@dataclass(frozen=True)
class ComparedSide:
    """One side of a comparison."""

    name: str
    relation: str
    """DuckDB relation with its rows."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Comparison of two sides that should hold the same rows."""

    left: str
    right: str
    table: str = ""
    """Address of the source table, when the left side is one."""
    left_rows: int
    right_rows: int
    different: int
    """Rows that are on one side only, or differ in a column."""
    first_difference: str = ""
    """The first difference, with its key, column and both values."""

    @property
    def is_equal(self) -> bool:
        """Whether the two sides are equal."""
        return self.different == 0 and not self.first_difference


def verify_stage(stage: Stage, project: Project) -> Iterator[Comparison]:
    """Compare every declared table with the lake, and the lake with every table that mirrors it."""
    lake, root = Lake(stage), ObjectRoot(stage.warehouse, stage.store)
    published = read_publication(root)
    yield _compare_manifest_and_fixed_keys(root)
    with scratch_folder(stage) as folder:
        yield _compare_checksums("lake", verify_checksums(lake.objects, folder))
        yield _compare_checksums("warehouse", verify_checksums(root, folder, checksums_of_publication(published)))
    for database in project.databases:
        tables = project.tables_of(database)
        with scratch_folder(stage) as folder, open_source(stage, database, folder) as source:
            # the lake first: a row written meanwhile then shows as missing in the lake, and the next run ingests it
            lake_days = {table.name: lake.days(table, source.connection) for table in tables}
            with source.snapshot():
                for table in tables:
                    yield _compare_source_and_lake(stage, source, table, lake_days[table.name], folder)
                    for mirror in project.mirrors:
                        if mirror.table == table.address and current_state(table, lake_days[table.name]):
                            relation = _mirror_relation(root, published, mirror)
                            yield _compare_lake_and_warehouse(source, table, lake_days[table.name], mirror, relation)


def _compare_manifest_and_fixed_keys(root: ObjectRoot) -> Comparison:
    """Compare what the manifest names with the fixed keys that other engines read."""
    differences = compare_fixed_keys(root)
    return Comparison(
        left="manifest",
        right="keys of other engines",
        left_rows=differences.key_count,
        right_rows=differences.key_count - len(differences.copies) + len(differences.obsolete_keys),
        different=len(differences.keys),
        first_difference=differences.message,
    )


def _compare_checksums(name: str, result: ChecksumResult) -> Comparison:
    """Compare the bytes of every object with the checksum that it was written with."""
    return Comparison(
        left=f"objects of the {name}",
        right="their checksums",
        left_rows=result.object_count,
        right_rows=result.object_count - len(result.damaged_keys),
        different=len(result.damaged_keys),
        first_difference=result.first_problem,
    )


def _compare_source_and_lake(
    stage: Stage, source: Source, table: SourceTable, days: Mapping[date, RawObject], folder: Path
) -> Comparison:
    names = {"table": table.address, "left": f"source {table.address}", "right": f"lake {table.address}"}
    snapshot = read_source_table(source, table, folder / "verify.parquet", stage.clock)
    columns = {column.name: column.name for column in snapshot.columns}
    lake_columns = respell_columns(newest_column_types(item.state.columns for item in days.values()), columns)
    lake_relation = current_state(table, days, lake_columns)
    missing_columns = sorted(columns.keys() - lake_columns.keys())
    if lake_relation is None or missing_columns:
        reason = (
            f"the lake has no column {', '.join(missing_columns)} yet"
            if lake_relation
            else "the table was never captured"
        )
        return Comparison(
            **names,
            left_rows=snapshot.rows,
            right_rows=0,
            different=snapshot.rows,
            first_difference=f"{reason}: refera run",
        )
    source_relation = f"read_parquet({literal(str(snapshot.path))})"
    keys = {name: name for name in table.key}
    try:
        left, right = ComparedSide(names["left"], source_relation), ComparedSide(names["right"], lake_relation)
        return replace(_compare_sides(source.connection, left, right, keys, columns), table=table.address)
    except LakeError as error:
        return _unreadable_comparison(names, error)


def _mirror_relation(root: ObjectRoot, published: Publication, mirror: Mirror) -> str:
    """SQL of the published table; empty when it was never published."""
    model = published.models.get(mirror.model)
    return published_relation(root, mirror.model, model) if model else ""


def _compare_lake_and_warehouse(
    source: Source, table: SourceTable, days: Mapping[date, RawObject], mirror: Mirror, relation: str
) -> Comparison:
    """Compare the lake's current state, which is not empty of days, with the table that mirrors it."""
    names = {"left": f"lake {table.address}", "right": f"warehouse {mirror.model}"}
    if not relation:
        return Comparison(
            **names,
            left_rows=0,
            right_rows=0,
            different=0,
            first_difference="the table was never published: refera run",
        )
    newest = observed_states(days)[-1]
    folds = {name: collation_fold(collation_of(newest, name)) for name in mirror.member_named_columns}
    folded_columns = ", ".join(
        f"{folded_text_sql(quoted(mirror.columns[name]), fold)} as {quoted(mirror.columns[name])}"
        for name, fold in folds.items()
    )
    replace_clause = f" replace ({folded_columns})" if folded_columns else ""
    right = f"(select *{replace_clause} from {relation} where {mirror.where})"
    key = {name: mirror.columns[name] for name in table.key}
    try:
        left = _staged_relation(source.connection, current_state(table, days) or "", mirror, folds)
        sides = ComparedSide(names["left"], left), ComparedSide(names["right"], right)
        return _compare_sides(source.connection, *sides, key, mirror.columns)
    except LakeError as error:
        return _unreadable_comparison(names, error)


def _unreadable_comparison(names: Mapping[str, str], error: LakeError) -> Comparison:
    """The comparison of objects that cannot be read; later comparisons go on."""
    return Comparison(**names, left_rows=0, right_rows=0, different=0, first_difference=error.problem.rstrip(":"))


def _staged_relation(
    connection: duckdb.DuckDBPyConnection, relation: str, mirror: Mirror, folds: Mapping[str, CollationFold]
) -> str:
    """The mirrored columns as staging has them: text trimmed, unless the mirror holds it unchanged or folded."""
    column_types = {
        name: kind for name, kind, *_ in run_sql(connection, f"describe select * from {relation}").fetchall()
    }
    cleaned = []
    for name in mirror.columns:
        value = quoted(name)
        if name in folds:
            value = folded_text_sql(value, folds[name])
        elif column_types[name] == "VARCHAR" and name not in mirror.as_typed_columns:
            value = f"trim({value})"
        cleaned.append(f"{value} as {quoted(name)}")
    return f"(select {', '.join(cleaned)} from {relation})"


def _compare_sides(
    connection: duckdb.DuckDBPyConnection,
    left: ComparedSide,
    right: ComparedSide,
    key: Mapping[str, str],
    columns: Mapping[str, str],
) -> Comparison:
    """Compare the rows of two sides. ``columns`` pairs their columns; ``key`` identifies a row."""
    match = " and ".join(f"l.{quoted(one)} = r.{quoted(other)}" for one, other in key.items())
    one, other = next(iter(key.items()))
    alone = f"l.{quoted(one)} is null or r.{quoted(other)} is null"
    pairs = [(f"l.{quoted(name)}", f"r.{quoted(twin)}", name) for name, twin in columns.items()]
    is_different = " or ".join(f"{mine} is distinct from {theirs}" for mine, theirs, _ in pairs)
    joined = f"from {left.relation} as l full join {right.relation} as r on {match} where {alone} or {is_different}"
    counts = run_sql(
        connection,
        f"select (select count(*) from {left.relation}), (select count(*) from {right.relation}),"
        f" (select count(*) {joined})",
    ).fetchone()
    left_rows, right_rows, different = counts if counts else (0, 0, 0)
    first, names = "", {"left": left.name, "right": right.name}
    if different:
        order = ", ".join(f"coalesce(l.{quoted(mine)}, r.{quoted(theirs)})" for mine, theirs in key.items())
        sides = ", ".join(f"{mine}, {theirs}" for mine, theirs, _ in pairs)
        row = run_sql(connection, f"select {sides} {joined} order by {order} limit 1").fetchone() or ()
        first = _describe_difference(names, [name for _, _, name in pairs], list(key), row)
    return Comparison(**names, left_rows=left_rows, right_rows=right_rows, different=different, first_difference=first)


def _describe_difference(names: Mapping[str, str], columns: list[str], key: list[str], row: tuple[Any, ...]) -> str:
    """A sentence about the first difference, from a row of alternating left and right values."""
    left = dict(zip(columns, row[::2], strict=True))
    right = dict(zip(columns, row[1::2], strict=True))
    mine = left if left[key[0]] is not None else right
    key_values = ", ".join(f"{name}={mine[name]!r}" for name in key)
    if left[key[0]] is None or right[key[0]] is None:
        return f"{key_values} is only in the {names['left'] if mine is left else names['right']}"
    name = next(name for name in columns if left[name] != right[name])
    return f"{key_values}: {name} is {left[name]!r} in the {names['left']} and {right[name]!r} in the {names['right']}"
