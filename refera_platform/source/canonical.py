"""One text for each value, spelled the same by the server and by DuckDB, so that both can make checksums of it.

    Column + its type in the lake ──▶ server_text() │ lake_text()     (SQL of either side; NULL stays NULL)

What is asked is what a read asks for, so what Parquet cannot hold is NULL here as well. A floating number is told by
its IEEE bytes: no two printers agree on digits, and the one function of the server that shows those bytes is ``POINT``.
"""

import re

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.source.types import GEOMETRIES, INTEGERS, SRID, TEXTS, Column, backticked

UNICODE = frozenset({None, "utf8mb4", "utf8mb3", "utf8", "ascii"})
"""Character sets whose bytes are UTF-8 already; MySQL says none for JSON."""
HUGE = frozenset({"text", "mediumtext", "longtext", "json", "blob", "mediumblob", "longblob"})
"""Types whose values are told by their SHA-1, so that no text grows beyond what the server's functions may give."""
LONGEST = 1 << 18
"""Characters of a huge text of another character set, or bytes of a geometry, beyond which only its length is told."""
DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
SECONDS = "%Y-%m-%d %H:%M:%S.%f"


def server_text(column: Column, kind: str) -> str:
    """The MySQL expression of a value's text.

    Args:
        column: The column as the catalogue has it.
        kind: Its type in the lake, which may be wider.
    """
    name, data_type = backticked(column.name), column.data_type
    if found := DECIMAL.fullmatch(kind):
        number = name if data_type == "decimal" else column.asked
        return f"cast({number} as decimal({found[1]},{found[2]}))"
    if data_type in INTEGERS:  # without the zeros of ZEROFILL
        return f"cast({name} as {'unsigned' if column.is_unsigned else 'signed'})"
    if data_type in {"float", "double"}:
        return f"substr(hex(point({name} * 1e0 + 0e0, 0e0)), 19, 16)"
    if data_type in {"datetime", "timestamp"}:
        return f"cast({column.asked} as datetime(6))"
    if data_type in GEOMETRIES:
        told = f"sha1(substr(hex({name}), {2 * SRID + 1}))"
        return f"if(length({name}) > {LONGEST + SRID}, concat('#', length({name}) - {SRID}), {told})"
    if data_type in TEXTS:
        return _server_words(column, name)
    if column.is_binary:
        return f"sha1({name})" if data_type in HUGE else f"hex({name})"
    return column.asked


def _server_words(column: Column, name: str) -> str:
    is_unicode = column.charset in UNICODE
    words = name if is_unicode else f"convert({name} using utf8mb4)"
    if column.data_type not in HUGE:
        return words
    if is_unicode:
        return f"sha1({words})"
    return f"if(char_length({name}) > {LONGEST}, concat('#', char_length({name})), sha1({words}))"


def lake_text(column: Column, kind: str) -> str:
    """The DuckDB expression of the same text.

    Args:
        column: The column as the catalogue has it.
        kind: Its type in the lake.
    """
    name, data_type = quoted(column.name), column.data_type
    if found := DECIMAL.fullmatch(kind):
        printed = f"cast(cast({name} as {kind}) as varchar)"
        # without a digit ahead of the point DuckDB prints none
        return rf"regexp_replace({printed}, '^(-?)\.', '\10.')" if found[1] == found[2] else printed
    if data_type in {"float", "double"}:
        bits = f"hex(cast(cast(cast({name} as double) + 0 as bit) as blob))"
        return f"({' || '.join(f'substr({bits}, {place}, 2)' for place in range(15, 0, -2))})"
    if data_type == "date":
        return f"strftime({name}, '%Y-%m-%d')"
    if data_type in {"datetime", "timestamp"}:
        instant = f"timezone('UTC', {name})" if data_type == "timestamp" else name
        return f"strftime({instant}, '{SECONDS}')"
    if data_type in GEOMETRIES:
        length = f"octet_length({name})"
        return f"case when {length} > {LONGEST} then '#' || {length} else sha1(hex({name})) end"
    if column.is_binary:
        return f"sha1({name})" if data_type in HUGE else f"hex({name})"
    if data_type in HUGE and column.charset not in UNICODE:
        return f"case when length({name}) > {LONGEST} then '#' || length({name}) else sha1({name}) end"
    return f"sha1({name})" if data_type in HUGE else f"cast({name} as varchar)"
