"""Checksums of a table's columns, computed by the server over its rows and by DuckDB over the lake's.

A column's checksum is the sum over all rows of 60 bits of the SHA-1 of the row's key and the value. It does not depend
on the order of rows, it changes when a value moves to another row, and NULL differs from ''. (MD5 was six times as slow
on MariaDB: 0.9 µs a value against 0.15.) ``reconcile`` compares the sums; this module only writes SQL.

    columns + their types in the lake ──▶ Checksums ──▶ server_*, lake_*: SQL of row tokens and numbers
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.source.canonical import lake_text, server_text
from refera_platform.source.column_names import is_among
from refera_platform.source.table import SourceTable
from refera_platform.source.types import GEOMETRY_TYPES, PRINTED_TYPES, TEXT_TYPES, SourceColumn, backticked

CHECKSUM_DIGITS = 15
"""Hexadecimal digits of each number: below 2^60, so that sums are exact on both sides."""
BUCKET_DIGITS = 3
"""Hexadecimal digits of a key's hash that name its bucket: 4,096 buckets."""
TOKEN_COLUMN, BUCKET_COLUMN = "token ", "bucket "
"""Names that no MySQL column can have: they end in a blank."""
TYPES_WITHOUT_LITERAL = frozenset({"float", "double", *GEOMETRY_TYPES})
"""Types without a literal that compares as equal."""


@dataclass(frozen=True, kw_only=True)
class Checksums:
    """The compared columns of a table, and the SQL of their checksums on both sides."""

    table: SourceTable
    columns: tuple[SourceColumn, ...]
    """The compared columns."""
    kinds: Mapping[str, str]
    """Their types in the lake, by column."""

    @property
    def key(self) -> tuple[SourceColumn, ...]:
        """Key columns that are compared; hashed ones are not."""
        return tuple(each for name in self.table.key for each in self.columns if is_among(each.name, [name]))

    @property
    def can_look_up(self) -> bool:
        """Whether the server can find rows by the key values of the lake."""
        return len(self.key) == len(self.table.key) and not any(
            each.data_type in TYPES_WITHOUT_LITERAL for each in self.key
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers, one for each column."""
        return tuple(f"{index} " for index in range(len(self.columns)))

    @property
    def server_token(self) -> str:
        """MySQL expression of a row's token: a text that identifies its key."""
        return _server_token([(each, server_text(each, self.kinds[each.name])) for each in self.key])

    @property
    def lake_token(self) -> str:
        """DuckDB expression of the same token."""
        return _lake_token([(each, lake_text(each, self.kinds[each.name])) for each in self.key])

    @property
    def server_numbers(self) -> tuple[str, ...]:
        """MySQL expressions of the numbers of a row, one for each column."""
        token = self.server_token
        return tuple(
            f"cast(conv(left(sha1(concat({token}, ifnull(concat('=', {text}), '~'))), {CHECKSUM_DIGITS}), 16, 10)"
            " as unsigned)"
            for text in (server_text(each, self.kinds[each.name]) for each in self.columns)
        )

    @property
    def lake_numbers(self) -> tuple[str, ...]:
        """DuckDB expressions of the numbers of a row, one for each column."""
        return tuple(
            f"cast('0x' || left(sha1({quoted(TOKEN_COLUMN)} || coalesce('=' || {text}, '~')), {CHECKSUM_DIGITS}) as"
            " ubigint)"
            for text in (lake_text(each, self.kinds[each.name]) for each in self.columns)
        )

    def server_sums(self, where: str) -> str:
        """MySQL select of the row count and the checksum of each column."""
        sums = ", ".join(f"coalesce(sum({number}), 0)" for number in self.server_numbers)
        return f"select count(*), {sums} from {backticked(self.table.name)} where {where}"

    def server_buckets(self) -> str:
        """MySQL select of the same for each bucket of keys."""
        sums = ", ".join(f"sum({number})" for number in self.server_numbers)
        return f"select {self.server_bucket}, count(*), {sums} from {backticked(self.table.name)} group by 1"

    @property
    def server_bucket(self) -> str:
        """MySQL expression of a row's bucket."""
        return f"left(sha1({self.server_token}), {BUCKET_DIGITS})"

    def server_rows(self, where: str) -> tuple[str, tuple[SourceColumn, ...]]:
        """MySQL select of key, token and numbers of each row, and the columns of its result."""
        key_expressions = [f"{each.select_expression} as {backticked(each.name)}" for each in self.key]
        select = ", ".join([*key_expressions, self.server_token, *self.server_numbers])
        token_column = SourceColumn(name=TOKEN_COLUMN, data_type="varchar", column_type="varchar")
        numbers = [SourceColumn(name=name, data_type="bigint", column_type="bigint unsigned") for name in self.names]
        return f"select {select} from {backticked(self.table.name)} where {where}", (
            *self.key,
            token_column,
            *numbers,
        )

    def server_values(self, where: str, token: str) -> str:
        """MySQL select of the compared values of the row with a token."""
        select_list = ", ".join(f"{each.select_expression} as {backticked(each.name)}" for each in self.columns)
        has_token = f"sha1({self.server_token}) = sha1({_text_literal(token)})"
        return f"select {select_list} from {backticked(self.table.name)} where {where} and {has_token} limit 1"

    def keys_condition(self, keys: Sequence[Sequence[Any]]) -> str:
        """MySQL condition of the rows with these keys, whose values are in the order of :attr:`key`.

        Not ``(a, b) in ((…), (…))``: there MariaDB does not convert a literal to the character set of its column. The
        index finds every text that the collation calls equal; the comparison of bytes keeps only the exact ones.
        """
        if len(self.key) == 1:
            only = self.key[0]
            has_value = f"{backticked(only.name)} in ({', '.join(_literal(only, row[0]) for row in keys)})"
            if only.data_type not in TEXT_TYPES:
                return has_value
            return f"({has_value} and {_utf8_bytes_sql(only)} in ({', '.join(_bytes_literal(row[0]) for row in keys)}))"
        rows = (
            " and ".join(
                f"{backticked(each.name)} = {_literal(each, value)}"
                + (f" and {_utf8_bytes_sql(each)} = {_bytes_literal(value)}" if each.data_type in TEXT_TYPES else "")
                for each, value in zip(self.key, row, strict=True)
            )
            for row in keys
        )
        return f"({' or '.join(f'({row})' for row in rows)})"


def _is_text(column: SourceColumn) -> bool:
    """Whether a value may hold any character, so that a token needs its length."""
    return column.data_type in TEXT_TYPES | PRINTED_TYPES


def _utf8_bytes_sql(column: SourceColumn) -> str:
    """MySQL expression of a text's UTF-8 bytes, for an exact comparison."""
    return f"cast(convert({backticked(column.name)} using utf8mb4) as binary)"


def _bytes_literal(value: Any) -> str:
    """MySQL literal of the UTF-8 bytes of a text from DuckDB."""
    return f"x'{str(value).encode().hex()}'"


def _server_token(parts: Sequence[tuple[SourceColumn, str]]) -> str:
    token_parts = [
        f"char_length({text}), ':', {text}" if _is_text(column) else f"{text}, ':'" for column, text in parts
    ]
    return f"concat({', '.join(token_parts)})" if token_parts else "''"


def _lake_token(parts: Sequence[tuple[SourceColumn, str]]) -> str:
    token_parts = [
        f"length({text}) || ':' || {text}" if _is_text(column) else f"{text} || ':'" for column, text in parts
    ]
    return f"({' || '.join(token_parts)})" if token_parts else "''"


def _text_literal(text: str) -> str:
    """MySQL string literal that takes the collation of the column it is compared with."""
    return f"_utf8mb4 x'{text.encode().hex()}'" if text else "_utf8mb4 ''"


def _literal(column: SourceColumn, value: Any) -> str:
    """MySQL literal of a key value from DuckDB."""
    if column.data_type == "time":
        seconds, rest = divmod(abs(int(value)), 1_000_000)
        clock = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:06d}"
        return f"cast('{'-' if value < 0 else ''}{clock}' as time(6))"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, datetime):
        return f"cast('{value.replace(tzinfo=None).isoformat(sep=' ')}' as datetime(6))"
    if isinstance(value, date):
        return f"cast('{value.isoformat()}' as date)"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return _text_literal(str(value))
