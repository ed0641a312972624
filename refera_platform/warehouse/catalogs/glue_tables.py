"""Translator of a published table into Glue's API: Hive types, location of the Parquet files, mark of ownership.

Sends nothing: ``glue`` does.

CatalogTable (DuckDB types) ──table_input(), partition_input()──▶ arguments of Glue's API
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from refera_platform.errors import WarehouseError

OWNER_PARAMETERS = {"managed_by": "refera_platform"}
"""Parameter that marks a table as created by refera_platform."""
HIVE_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "BLOB": "binary",
}
"""Hive type by DuckDB type. An instant is stored in UTC."""
MAX_COMMENT_CHARACTERS, MAX_DESCRIPTION_CHARACTERS = 255, 2048
"""Most characters that Glue takes."""
PARQUET_STORAGE = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


@dataclass(frozen=True, kw_only=True)
class CatalogTable:
    """One published table."""

    name: str
    columns: Mapping[str, str]
    """DuckDB type of each column, in order. The partition column may be among them."""
    location: str
    """``s3://`` URL of the folder."""
    partition_column: str | None = None
    """Column whose values name the folders ``column=value`` below ``location``."""
    partitions: Sequence[str] = ()
    """Values that are published."""
    description: str = ""
    column_comments: Mapping[str, str] = field(default_factory=dict)


def table_input(table: CatalogTable) -> dict[str, Any]:
    """A table as Glue's API takes it.

    Raises:
        WarehouseError: naming a column whose type does not exist in Hive.
    """
    columns = [
        {
            "Name": name,
            "Type": hive_type(table.name, name, kind),
            "Comment": _shorten(table.column_comments.get(name, ""), MAX_COMMENT_CHARACTERS),
        }
        for name, kind in table.columns.items()
    ]
    key = table.partition_column
    keys = [column for column in columns if column["Name"] == key]
    return {
        "Name": table.name,
        "Description": _shorten(table.description, MAX_DESCRIPTION_CHARACTERS),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", **OWNER_PARAMETERS},
        "PartitionKeys": keys or ([{"Name": key, "Type": "string", "Comment": ""}] if key else []),
        "StorageDescriptor": {
            "Columns": [column for column in columns if column["Name"] != key],
            "Location": f"{table.location.rstrip('/')}/",
            **PARQUET_STORAGE,
        },
    }


def hive_type(table: str, column: str, duckdb_type: str) -> str:
    """The Hive type of a DuckDB type.

    Raises:
        WarehouseError: when there is none.
    """
    normalized = duckdb_type.upper()
    if normalized in HIVE_TYPES:
        return HIVE_TYPES[normalized]
    if re.fullmatch(r"DECIMAL\(\d+,\s*\d+\)", normalized):
        return normalized.replace(" ", "").lower()
    raise WarehouseError(
        f"Column {column} of {table} is {duckdb_type}, which Athena has no type for:",
        f"cast it in the model to one of {', '.join(HIVE_TYPES)} or DECIMAL.",
    )


def matches_catalog(expected: Any, existing: Any) -> bool:
    """Whether the catalog has the expected fields. Further fields, and empty texts that Glue omits, do not matter."""
    if isinstance(expected, dict):
        return all(
            matches_catalog(value, existing.get(name, "" if value == "" else None)) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return len(expected) == len(existing or ()) and all(map(matches_catalog, expected, existing or ()))
    return bool(expected == existing)


def partition_input(table: Mapping[str, Any], value: str) -> dict[str, Any]:
    """A partition as Glue's API takes it. It has columns of its own in Glue, so they repeat the table's."""
    storage, key = table["StorageDescriptor"], table["PartitionKeys"][0]["Name"]
    return {
        "Values": [value],
        "StorageDescriptor": {**storage, "Location": f"{storage['Location']}{key}={value}/"},
        "Parameters": {"classification": "parquet"},
    }


def _shorten(text: str, max_characters: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= max_characters else f"{line[: max_characters - 1]}…"
