"""How a published table is told to Glue: columns in Hive's words, where its Parquet lies, and that it is ours.

CatalogTable (DuckDB's words) ──table_input(), partition_input()──▶ what Glue's API takes
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from refera_platform.errors import WarehouseError

OWNER = {"managed_by": "refera_platform"}
"""Parameter by which a table is known as ours."""
SIMPLE_TYPES = {
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
"""Hive's word for DuckDB's; an instant is told in UTC."""
LONGEST_COMMENT, LONGEST_DESCRIPTION = 255, 2048
"""Characters that Glue takes."""
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


@dataclass(frozen=True, kw_only=True)
class CatalogTable:
    """One published table."""

    name: str
    columns: Mapping[str, str]
    """DuckDB's type of each column, in order; the partition column among them or not."""
    location: str
    """``s3://`` address of the folder."""
    partition_column: str | None = None
    """Column whose values name the folders ``column=value`` below ``location``."""
    partitions: Sequence[str] = ()
    """Values that are published."""
    description: str = ""
    column_comments: Mapping[str, str] = field(default_factory=dict)


def table_input(table: CatalogTable) -> dict[str, Any]:
    """A table as Glue wants it told.

    Raises:
        WarehouseError: naming a column whose type Hive has no word for.
    """
    columns = [
        {
            "Name": name,
            "Type": hive_type(table.name, name, kind),
            "Comment": _shortened(table.column_comments.get(name, ""), LONGEST_COMMENT),
        }
        for name, kind in table.columns.items()
    ]
    key = table.partition_column
    keys = [column for column in columns if column["Name"] == key]
    return {
        "Name": table.name,
        "Description": _shortened(table.description, LONGEST_DESCRIPTION),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", **OWNER},
        "PartitionKeys": keys or ([{"Name": key, "Type": "string", "Comment": ""}] if key else []),
        "StorageDescriptor": {
            "Columns": [column for column in columns if column["Name"] != key],
            "Location": f"{table.location.rstrip('/')}/",
            **PARQUET,
        },
    }


def hive_type(table: str, column: str, kind: str) -> str:
    """Hive's word for a type of DuckDB.

    Raises:
        WarehouseError: when there is none.
    """
    written = kind.upper()
    if written in SIMPLE_TYPES:
        return SIMPLE_TYPES[written]
    if re.fullmatch(r"DECIMAL\(\d+,\s*\d+\)", written):
        return written.replace(" ", "").lower()
    raise WarehouseError(
        f"Column {column} of {table} is {kind}, which Athena has no type for:",
        f"cast it in the model to one of {', '.join(SIMPLE_TYPES)} or DECIMAL.",
    )


def agrees(wanted: Any, there: Any) -> bool:
    """Whether the catalog says what is wanted; what it says besides, and an empty text it leaves out, is no matter."""
    if isinstance(wanted, dict):
        return all(agrees(value, there.get(name, "" if value == "" else None)) for name, value in wanted.items())
    if isinstance(wanted, list):
        return len(wanted) == len(there or ()) and all(map(agrees, wanted, there or ()))
    return bool(wanted == there)


def partition_input(table: Mapping[str, Any], value: str) -> dict[str, Any]:
    """A partition of a table as Glue wants it told; it has columns of its own there, so they follow the table's."""
    storage, key = table["StorageDescriptor"], table["PartitionKeys"][0]["Name"]
    return {
        "Values": [value],
        "StorageDescriptor": {**storage, "Location": f"{storage['Location']}{key}={value}/"},
        "Parameters": {"classification": "parquet"},
    }


def _shortened(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
