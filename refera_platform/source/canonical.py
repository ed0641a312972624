"""Canonical text of a value, equal on the server and in DuckDB, for checksums on both sides (``checksum``).

    SourceColumn + its type in the lake ──▶ server_text() │ lake_text()     (SQL of either side; NULL stays NULL)

The server's expression is the one that a read selects, so values that Parquet cannot hold are NULL here, too. Floats
are compared by their IEEE bytes: no two printers agree on digits, and the server shows the bytes only in ``POINT``.
"""

import re

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.source.types import GEOMETRY_TYPES, INTEGER_TYPES, SRID_BYTES, TEXT_TYPES, SourceColumn, backticked

UTF8_CHARSETS = frozenset({None, "utf8mb4", "utf8mb3", "utf8", "ascii"})
"""Character sets whose bytes are UTF-8 already; MySQL reports none for JSON."""
HUGE_TYPES = frozenset({"text", "mediumtext", "longtext", "json", "blob", "mediumblob", "longblob"})
"""Types whose values are replaced by their SHA-1, so that no text exceeds the limits of the server's functions."""
MAX_HASHED_CHARACTERS = 1 << 18
"""Characters of a huge non-UTF-8 text, or bytes of a geometry, above which only the length is compared."""
DECIMAL_PATTERN = re.compile(r"DECIMAL\((\d+),(\d+)\)")
TIMESTAMP_FORMAT = "%Y-%m-%d %H:%M:%S.%f"


def server_text(column: SourceColumn, kind: str) -> str:
    """MySQL expression of a value's canonical text.

    Args:
        column: The column as the server's catalogue has it.
        kind: Its type in the lake, which may be wider.
    """
    name, data_type = backticked(column.name), column.data_type
    if match := DECIMAL_PATTERN.fullmatch(kind):
        number = name if data_type == "decimal" else column.select_expression
        return f"cast({number} as decimal({match[1]},{match[2]}))"
    if data_type in INTEGER_TYPES:  # without the leading zeros of ZEROFILL
        return f"cast({name} as {'unsigned' if column.is_unsigned else 'signed'})"
    if data_type in {"float", "double"}:
        return f"substr(hex(point({name} * 1e0 + 0e0, 0e0)), 19, 16)"
    if data_type in {"datetime", "timestamp"}:
        return f"cast({column.select_expression} as datetime(6))"
    if data_type in GEOMETRY_TYPES:
        hashed_sql = f"sha1(substr(hex({name}), {2 * SRID_BYTES + 1}))"
        return (
            f"if(length({name}) > {MAX_HASHED_CHARACTERS + SRID_BYTES}, concat('#', length({name}) -"
            f" {SRID_BYTES}), {hashed_sql})"
        )
    if data_type in TEXT_TYPES:
        return _server_string_text(column, name)
    if column.is_binary:
        return f"sha1({name})" if data_type in HUGE_TYPES else f"hex({name})"
    return column.select_expression


def _server_string_text(column: SourceColumn, name: str) -> str:
    is_unicode = column.charset in UTF8_CHARSETS
    text = name if is_unicode else f"convert({name} using utf8mb4)"
    if column.data_type not in HUGE_TYPES:
        return text
    if is_unicode:
        return f"sha1({text})"
    return f"if(char_length({name}) > {MAX_HASHED_CHARACTERS}, concat('#', char_length({name})), sha1({text}))"


def lake_text(column: SourceColumn, kind: str) -> str:
    """DuckDB expression of the same text.

    Args:
        column: The column as the server's catalogue has it.
        kind: Its type in the lake.
    """
    name, data_type = quoted(column.name), column.data_type
    if match := DECIMAL_PATTERN.fullmatch(kind):
        printed = f"cast(cast({name} as {kind}) as varchar)"
        # when all digits are behind the point, DuckDB prints no zero before it
        return rf"regexp_replace({printed}, '^(-?)\.', '\10.')" if match[1] == match[2] else printed
    if data_type in {"float", "double"}:
        bits = f"hex(cast(cast(cast({name} as double) + 0 as bit) as blob))"
        return f"({' || '.join(f'substr({bits}, {index}, 2)' for index in range(15, 0, -2))})"
    if data_type == "date":
        return f"strftime({name}, '%Y-%m-%d')"
    if data_type in {"datetime", "timestamp"}:
        instant = f"timezone('UTC', {name})" if data_type == "timestamp" else name
        return f"strftime({instant}, '{TIMESTAMP_FORMAT}')"
    if data_type in GEOMETRY_TYPES:
        length = f"octet_length({name})"
        return f"case when {length} > {MAX_HASHED_CHARACTERS} then '#' || {length} else sha1(hex({name})) end"
    if column.is_binary:
        return f"sha1({name})" if data_type in HUGE_TYPES else f"hex({name})"
    if data_type in HUGE_TYPES and column.charset not in UTF8_CHARSETS:
        return f"case when length({name}) > {MAX_HASHED_CHARACTERS} then '#' || length({name}) else sha1({name}) end"
    return f"sha1({name})" if data_type in HUGE_TYPES else f"cast({name} as varchar)"
