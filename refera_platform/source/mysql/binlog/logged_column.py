"""Resolver of binlog columns: finds the declared column of a logged column, or rebuilds one that was dropped.

The Parquet type of the result is that of a snapshot. Does not parse table maps (``table_map``) or values
(``column_codec``).

    LoggedColumn + declared SourceColumns ──▶ resolve_columns() ──▶ SourceColumns
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from refera_platform.errors import SourceError
from refera_platform.source.column_names import is_among, name_identity
from refera_platform.source.mysql.binlog import table_map as types
from refera_platform.source.mysql.binlog.charsets import BINARY_COLLATION
from refera_platform.source.mysql.binlog.table_map import LoggedColumn, TableMap
from refera_platform.source.table import SourceTable
from refera_platform.source.types import GEOMETRY_TYPES, INTEGER_TYPES, PRINTED_TYPES, SourceColumn

DATA_TYPES: Mapping[int, str] = {
    types.TINY: "tinyint",
    types.SHORT: "smallint",
    types.INT24: "mediumint",
    types.LONG: "int",
    types.LONGLONG: "bigint",
    types.FLOAT: "float",
    types.DOUBLE: "double",
    types.DECIMAL: "decimal",
    types.DATE: "date",
    types.NEWDATE: "date",
    types.DATETIME: "datetime",
    types.TIMESTAMP: "timestamp",
    types.TIME: "time",
    types.YEAR: "year",
    types.BIT: "bit",
    types.ENUM: "enum",
    types.SET: "set",
    types.JSON: "json",
    types.GEOMETRY: "geometry",
    types.OLD_TIMESTAMP: "timestamp",
    types.OLD_DATETIME: "datetime",
    types.OLD_TIME: "time",
    types.VECTOR: "vector",
}
"""Bare type by type code, where the code alone decides it."""
STRING_DATA_TYPES: Mapping[int, tuple[str, str]] = {
    types.STRING: ("char", "binary"),
    types.VARCHAR: ("varchar", "varbinary"),
    types.VAR_STRING: ("varchar", "varbinary"),
    types.VARCHAR_COMPRESSED: ("varchar", "varbinary"),
}
"""Bare type of a text and of bytes, by type code."""
BLOB_DATA_TYPES: Mapping[int, tuple[str, str]] = {
    1: ("tinytext", "tinyblob"),
    2: ("text", "blob"),
    3: ("mediumtext", "mediumblob"),
    4: ("longtext", "longblob"),
}
"""Bare type of a text and of bytes, by bytes of the length prefix."""
HIDDEN_COLUMN_PATTERN = re.compile(r"!hidden!.*|DB_ROW_HASH_\d+", re.DOTALL)
"""Columns that servers create for indexes of expressions (MySQL) and of long values (MariaDB)."""
ROW_VERSION_COLUMNS = {"row_start", "row_end"}


def resolve_columns(
    table_map: TableMap, table: SourceTable, declared: Sequence[SourceColumn]
) -> tuple[SourceColumn, ...]:
    """Name and type of each logged column, private ones included.

    Args:
        table_map: Columns as the binlog describes them.
        table: Declaration of the table.
        declared: Columns as the server's catalogue has them now, in order; empty for a dropped table.

    Raises:
        SourceError: when the binlog has no column names and its columns are not those of the catalogue, or when the
            table is system-versioned.
    """
    if table_map.has_names:
        by_name = {name_identity(column.name): column for column in declared}
        undeclared_names = {name_identity(column.name or "") for column in table_map.columns} - by_name.keys()
        if declared and undeclared_names >= ROW_VERSION_COLUMNS:
            raise SourceError(
                f"Table {table.address} is system-versioned, and its binlog mixes current and historical rows:",
                "choose strategy compare for it.",
            )
        return tuple(
            _resolve_column(logged, by_name.get(name_identity(logged.name or "")), table)
            for logged in table_map.columns
        )
    is_matching = len(declared) == len(table_map.columns) and all(
        _has_same_type(logged, column) and _has_same_length(logged, column)
        for logged, column in zip(table_map.columns, declared, strict=True)
    )
    if not is_matching:
        raise SourceError(
            f"The rows of {table.address} in the binlog have other columns than it has, and the binlog does not name"
            " them:",
            f"set global binlog_row_metadata = FULL, then `refera resnapshot {table.address}`.",
        )
    return tuple(declared)


def is_hidden(logged: LoggedColumn, declared: Sequence[SourceColumn]) -> bool:
    """Whether it is an internal column of the server, which no select shows."""
    name = logged.name or ""
    return bool(HIDDEN_COLUMN_PATTERN.fullmatch(name)) and not is_among(name, [column.name for column in declared])


def _resolve_column(logged: LoggedColumn, declared: SourceColumn | None, table: SourceTable) -> SourceColumn:
    if declared and _has_same_type(logged, declared):
        return declared
    binlog_column = column_from_binlog(logged, is_hashed=is_among(logged.name or "", table.hashed))
    # current spelling: rows from before and after a rename that changed only its case are one column
    return replace(binlog_column, name=declared.name, is_generated=declared.is_generated) if declared else binlog_column


def column_from_binlog(logged: LoggedColumn, *, is_hashed: bool) -> SourceColumn:
    """Build a column from the binlog's description alone."""
    data_type = _data_type(logged, is_bytes=logged.collation == BINARY_COLLATION)
    is_decimal = logged.type_code == types.DECIMAL
    bits = logged.meta if logged.type_code == types.BIT else None
    return SourceColumn(
        name=logged.name or "",
        data_type=data_type,
        column_type=f"{data_type} unsigned" if logged.is_unsigned else data_type,
        precision=logged.meta >> 8 if is_decimal else bits,
        scale=logged.meta & 255 if is_decimal else None,
        max_bytes=logged.meta if logged.type_code in STRING_DATA_TYPES else None,
        is_hashed=is_hashed,
    )


def _data_type(logged: LoggedColumn, *, is_bytes: bool) -> str:
    """The bare type, as the server's catalogue names it."""
    code = logged.type_code
    if code in (types.BLOB, types.BLOB_COMPRESSED):
        return BLOB_DATA_TYPES[logged.meta][is_bytes]
    if code in STRING_DATA_TYPES:
        return STRING_DATA_TYPES[code][is_bytes]
    return DATA_TYPES.get(code, f"binlog type {code}")


def _has_same_type(logged: LoggedColumn, declared: SourceColumn) -> bool:
    """Whether values of the declared type are written like this in the binlog."""
    data_type = declared.data_type
    if data_type in PRINTED_TYPES:
        is_bytes = logged.collation in (None, BINARY_COLLATION)
        return logged.type_code == types.STRING and is_bytes and logged.meta == (4 if data_type == "inet4" else 16)
    if data_type == "vector":
        return True
    is_bytes = declared.is_binary if logged.collation is None else logged.collation == BINARY_COLLATION
    if ("geometry" if data_type in GEOMETRY_TYPES else data_type) != _data_type(logged, is_bytes=is_bytes):
        return False
    if data_type == "decimal":
        return logged.meta == (declared.precision or 0) << 8 | (declared.scale or 0)
    if data_type == "bit":
        return logged.meta == declared.precision
    if data_type in INTEGER_TYPES and logged.is_unsigned is not None:
        return logged.is_unsigned == ("unsigned" in declared.column_type)
    return True


def _has_same_length(logged: LoggedColumn, declared: SourceColumn) -> bool:
    """Whether the maximum length is the declared one; without column names this helps to recognise a column."""
    if logged.type_code in STRING_DATA_TYPES and declared.max_bytes is not None:
        return logged.meta == declared.max_bytes + (logged.type_code == types.VARCHAR_COMPRESSED)
    return True
