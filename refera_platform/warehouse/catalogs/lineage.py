"""Column lineage of the models: which columns every column derives from, traced through the SQL that dbt compiled.

Parses no SQL itself: ``lineage_sql`` does.

compiled SQL ──trace_lineage()──▶ Lineage ──▶ Dagster's metadata, ``docs/lineage.json``, the report

A column derives from what its expression names: operands, conditions of a ``case``, the partition and order of a
window. Columns that only filter, join or group are left out, so ``count(*)`` and literals derive from nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import duckdb

from refera_platform.json_codec import decode_values, encode_json, parse_json_object
from refera_platform.lake.lake import run_sql
from refera_platform.warehouse.catalogs.graph import ancestors
from refera_platform.warehouse.dbt_project import PUBLISHED_SCHEMA

MAIN_SCHEMA = "main"
"""Schema of the models of a build."""


@dataclass(frozen=True, order=True)
class ColumnReference:
    """One column of a relation."""

    relation: str
    """Name of a model; ``schema.table`` for a source."""
    column: str


ColumnOrigins = Mapping[str, tuple[ColumnReference, ...]]
"""The columns that each column of a model derives from."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Direct parents of the columns of models."""

    models: Mapping[str, ColumnOrigins]
    problems: Mapping[str, str] = field(default_factory=dict)
    """Why a model is not among ``models``: its SQL could not be traced."""

    def source_columns(self, model: str, column: str) -> frozenset[ColumnReference]:
        """Source columns that a column derives from, through all models between."""
        ancestor_columns = ancestors(ColumnReference(model, column), self.parents)
        return frozenset(origin for origin in ancestor_columns if origin.relation not in self.models)

    def parents(self, column: ColumnReference) -> tuple[ColumnReference, ...]:
        """Columns that a column derives from directly; none for a source column."""
        return self.models.get(column.relation, {}).get(column.column, ())

    def with_previous(self, previous: "Lineage", all_models: Collection[str]) -> "Lineage":
        """This lineage, completed from a previous one for those models of ``all_models`` that it does not contain."""
        carried_over = {
            name: columns
            for name, columns in previous.models.items()
            if name in all_models and name not in self.problems
        }
        return Lineage(models={**carried_over, **self.models}, problems=self.problems)

    def to_json(self) -> str:
        """The text of ``docs/lineage.json``."""
        return encode_json({"models": dict(sorted(self.models.items())), "problems": self.problems}, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Lineage":
        """Read what ``to_json`` wrote; anything else becomes a problem, which the next full build corrects."""
        try:
            return decode_values({"models": parse_json_object(text)["models"]}, cls)
        except (ValueError, KeyError) as error:
            return cls(models={}, problems={"lineage.json": f"it cannot be read ({error!r})"})


def read_relation_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Columns and types of every relation in the build's database, as ``trace_lineage`` takes them.

    Models are named by their name alone, all other relations ``schema.table``.
    """
    rows = run_sql(
        connection,
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name = current_database() and not internal order by 1, 2, column_index",
    ).fetchall()
    columns: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in rows:
        columns.setdefault(table if schema == MAIN_SCHEMA else f"{schema}.{table}", {})[column] = kind
    return columns


def trace_lineage(models: Mapping[str, str], columns: Mapping[str, Iterable[str]]) -> Lineage:
    """Trace the column lineage through compiled SQL. 34 models take 0.3 s, half of it the import of sqlglot.

    Args:
        models: SQL of each model by its name, as dbt compiled it for DuckDB.
        columns: Columns of every relation that the SQL may read, by model or ``schema.table`` (see
            ``read_relation_columns``). A model that is in both must have exactly the columns that its SQL gives.

    Returns:
        The lineage. SQL that cannot be traced is among its problems and raises nothing: the build goes on.
    """
    from refera_platform.warehouse.catalogs.lineage_sql import SqlLineageReader, UntraceableSqlError

    relation_columns = {relation: tuple(names) for relation, names in columns.items()}
    reader = SqlLineageReader(
        {_schema_and_table(relation): names for relation, names in relation_columns.items()},
        fallback_schemas={PUBLISHED_SCHEMA: MAIN_SCHEMA},
    )
    traced: dict[str, ColumnOrigins] = {}
    problems = {}
    for name, sql in models.items():
        try:
            traced[name] = _model_columns(name, reader.column_origins(sql), relation_columns.get(name))
        except UntraceableSqlError as error:
            problems[name] = str(error)
    return Lineage(models=traced, problems=problems)


def _model_columns(
    name: str, origins_by_column: Mapping[str, Iterable[tuple[str, str, str]]], built_columns: tuple[str, ...] | None
) -> ColumnOrigins:
    """The origins of a model's columns, spelt as in the built table, without references of the model to itself.

    Raises:
        UntraceableSqlError: when the SQL gives other columns than the table has.
    """
    from refera_platform.warehouse.catalogs.lineage_sql import UntraceableSqlError

    spelling = {column.lower(): column for column in built_columns or origins_by_column}
    if set(spelling) != set(origins_by_column):
        raise UntraceableSqlError(
            f"its SQL gives {', '.join(origins_by_column)}, and its table has {', '.join(spelling.values())}"
        )
    parents = {
        column: {ColumnReference(_relation_name(*relation), origin) for *relation, origin in made_of}
        for column, made_of in origins_by_column.items()
    }
    return {
        spelling[column]: tuple(sorted(origin for origin in origins if origin.relation != name))
        for column, origins in parents.items()
    }


def _schema_and_table(relation: str) -> tuple[str, str]:
    schema, _, table = relation.rpartition(".")
    return schema or MAIN_SCHEMA, table


def _relation_name(schema: str, table: str) -> str:
    return table if schema in {MAIN_SCHEMA, PUBLISHED_SCHEMA} else f"{schema}.{table}"
