"""Types of source columns: the Parquet type of each MySQL type, and the SQL expression that reads it without loss.

The server evaluates the expression; its result arrives as text (bytes for binary types) and is cast to one Parquet
type. Traps behind the expressions: the text protocol prints FLOAT with six digits; TIME_TO_SEC drops microseconds on
MySQL; CONVERT turns a text longer than max_allowed_packet into NULL, so texts are selected as they are and the
session's character set converts them; ST_AsWKB swaps axes on MySQL; a zero date is an invalid date.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.errors import SourceError

INTEGER_TYPES: Mapping[str, str] = {
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "mediumint": "INTEGER",
    "int": "INTEGER",
    "bigint": "BIGINT",
}
TEXT_TYPES = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"})
PRINTED_TYPES = frozenset({"uuid", "inet4", "inet6"})
BINARY_TYPES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
GEOMETRY_TYPES = frozenset(
    {
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geomcollection",
        "geometrycollection",
    }
)
SRID_BYTES = 4
"""Bytes of the SRID that servers store ahead of a geometry's WKB."""
BIT_PARQUET_TYPES: Mapping[int, str] = {8: "UTINYINT", 16: "USMALLINT", 32: "UINTEGER", 64: "UBIGINT"}
"""Type of a BIT, by the most bits that it holds."""
MAX_DECIMAL_DIGITS = 38
"""Digits that a Parquet DECIMAL can hold."""


@dataclass(frozen=True, kw_only=True)
class SourceColumn:
    """One column of a source table, as the server's catalogue describes it."""

    name: str
    data_type: str
    """The bare type, lower case: ``decimal``."""
    column_type: str
    """The full type: ``decimal(10,2) unsigned``."""
    precision: int | None = None
    scale: int | None = None
    charset: str | None = None
    """Character set of a text."""
    collation: str | None = None
    """Collation of a text."""
    max_bytes: int | None = None
    """Most bytes of a text or binary value; a BINARY always has as many."""
    is_hashed: bool = False
    """Whether the lake gets the keyed hash instead of the value."""
    is_generated: bool = False
    """Whether the server computes it from other columns, when it is read (virtual) or written (stored)."""

    @property
    def is_unsigned(self) -> bool:
        """Whether a number is never negative."""
        return "unsigned" in self.column_type

    @property
    def is_binary(self) -> bool:
        """Whether values are bytes, not text."""
        return self.data_type in BINARY_TYPES | GEOMETRY_TYPES

    @property
    def prefix_bytes(self) -> int:
        """Bytes that the server sends before the value itself."""
        return SRID_BYTES if self.data_type in GEOMETRY_TYPES else 0

    @property
    def select_expression(self) -> str:
        """MySQL expression that reads the column."""
        name, kind = backticked(self.name), self.data_type
        if self.is_hashed and kind in INTEGER_TYPES:  # without the leading zeros of ZEROFILL
            return f"cast({name} as {'unsigned' if self.is_unsigned else 'signed'})"
        expressions = {
            "decimal": f"cast({name} as char)",
            "float": f"{name} * 1e0",
            "date": f"if({self.quirk}, null, {name})",
            "datetime": f"if({self.quirk}, null, {name})",
            "timestamp": f"if({self.quirk}, null, {name})",
            "time": f"cast(if({name} < 0, -1, 1) * ((hour({name}) * 3600 + minute({name}) * 60 + second({name}))"
            f" * 1000000 + microsecond({name})) as signed)",
            "year": f"cast({name} as unsigned)",
            "bit": f"cast({name} as unsigned)",
        }
        expressions |= dict.fromkeys(PRINTED_TYPES, f"cast({name} as char)")
        return expressions.get(kind, name)

    @property
    def parquet_type(self) -> str:
        """DuckDB type of the column in the lake's Parquet files.

        Raises:
            SourceError: for a type that Parquet cannot hold faithfully.
        """
        kind = self.data_type
        if self.is_hashed:
            if kind not in TEXT_TYPES | BINARY_TYPES | INTEGER_TYPES.keys():
                raise SourceError(
                    f"Column {self.name} is of type {self.column_type}, which is not hashed:",
                    "hash texts, binary columns and whole numbers, and mark others private.",
                )
            return "VARCHAR"
        if kind in INTEGER_TYPES:
            return f"U{INTEGER_TYPES[kind]}" if self.is_unsigned else INTEGER_TYPES[kind]
        if kind == "decimal":
            exact = (self.precision or 0) <= MAX_DECIMAL_DIGITS
            return f"DECIMAL({self.precision},{self.scale})" if exact else "VARCHAR"
        if kind in TEXT_TYPES | PRINTED_TYPES:
            return "VARCHAR"
        if kind in BINARY_TYPES | GEOMETRY_TYPES:
            return "BLOB"
        if kind == "bit":
            return next(name for bits, name in BIT_PARQUET_TYPES.items() if (self.precision or 64) <= bits)
        others = {
            "float": "FLOAT",
            "double": "DOUBLE",
            "date": "DATE",
            "datetime": "TIMESTAMP",
            "timestamp": "TIMESTAMP WITH TIME ZONE",
            "time": "BIGINT",
            "year": "USMALLINT",
        }
        if kind not in others:
            raise SourceError(
                f"Column {self.name} is of type {self.column_type}, which has no faithful form in Parquet here:",
                "mark it private so that it is not copied.",
            )
        return others[kind]

    @property
    def cast_expression(self) -> str:
        """DuckDB expression that casts the server's result to the Parquet type."""
        name, kind = quoted(self.name), self.parquet_type
        if self.data_type == "timestamp":
            return f"timezone('UTC', cast({name} as timestamp)) as {name}"
        return f"cast({name} as {kind}) as {name}"

    @property
    def quirk(self) -> str:
        """MySQL condition of values that Parquet cannot hold and that become NULL; empty when there are none."""
        if self.data_type not in {"date", "datetime", "timestamp"}:
            return ""
        name = backticked(self.name)
        beyond = f"dayofmonth({name}) > dayofmonth(last_day({name}))"  # '2025-02-31', with ALLOW_INVALID_DATES
        return f"(month({name}) = 0 or dayofmonth({name}) = 0 or {beyond})"


def mysql_literal(text: str) -> str:
    """MySQL string literal of any text, under any ``sql_mode``."""
    return f"convert(x'{text.encode().hex()}' using utf8mb4)" if text else "''"


def backticked(identifier: str) -> str:
    """Any MySQL identifier in backticks."""
    return "`" + identifier.replace("`", "``") + "`"
