"""Previews of the built models: some rows of each, without columns that derive from hidden source columns.

build's database + lineage ──preview_models()──▶ Preview of each published model
"""

from collections.abc import Collection, Mapping, Sequence

import duckdb

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.lake.lake import run_sql
from refera_platform.lake.preview import Preview, hidden_columns, preview_rows
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.catalogs.lineage import Lineage


def preview_models(
    connection: duckdb.DuckDBPyConnection, models: Collection[str], lineage: Lineage, tables: Sequence[SourceTable]
) -> dict[str, Preview]:
    """Some rows of each model, read from the build's own database and not from S3.

    Of a model that is stored by month, the rows are of the months that were rebuilt.

    Args:
        connection: Session on the database that was built.
        models: Names of the models.
        lineage: Column lineage of the models.
        tables: The source tables, which declare the hidden columns.
    """
    column_rows = run_sql(
        connection,
        "select table_name, column_name, data_type from duckdb_columns()"
        " where database_name = current_database() and schema_name = 'main' order by 1, column_index",
    ).fetchall()
    columns: dict[str, dict[str, str]] = {}
    for model, column, kind in column_rows:
        columns.setdefault(model, {})[column] = kind
    return {
        name: preview_rows(
            connection,
            f"main.{quoted(name)}",
            columns[name],
            hidden_model_columns(name, columns[name], lineage, tables),
        )
        for name in models
    }


def hidden_model_columns(
    model: str, columns: Mapping[str, str], lineage: Lineage, tables: Sequence[SourceTable]
) -> frozenset[str]:
    """Columns of a model that derive from a hidden source column; a column whose lineage is unknown counts as hidden.

    Args:
        model: Name of the model.
        columns: Its columns and their types.
        lineage: Column lineage of all models.
        tables: The source tables, which declare the hidden columns.
    """
    tables_with_hidden_columns = {
        table.address: table for table in tables if table.hashed or table.private or not table.is_previewed
    }
    if not tables_with_hidden_columns:
        return frozenset()
    hidden = set()
    for column in columns:
        is_traced = column in lineage.models.get(model, {})
        origins = lineage.source_columns(model, column)
        if not is_traced or any(
            origin.relation in lineage.problems
            or (
                origin.relation in tables_with_hidden_columns
                and hidden_columns(tables_with_hidden_columns[origin.relation], [origin.column])
            )
            for origin in origins
        ):
            hidden.add(column)
    return frozenset(hidden)
