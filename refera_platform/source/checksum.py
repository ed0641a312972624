"""Checksums that the server makes of its own rows, and that DuckDB makes of the lake's in the same way.

A column's checksum is the sum over rows of sixty bits of the SHA-1 of the row's key and the value: it does not depend
on the order of rows, a value that moved to another row changes it, and NULL is not ''. (MD5 took MariaDB six times as
long: 0.9 µs a value against 0.15.)

    columns + their types in the lake ──▶ Checksums ──▶ server.*, lake.* : SQL of token and numbers
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
"""Hexadecimal digits of each row's number: below 2^60, and sums of them stay exact on both sides."""
BUCKET_DIGITS = 3
"""Hexadecimal digits of the hash of a key that name its bucket: 4,096 of them."""
TOKEN_COLUMN, BUCKET_COLUMN = "token ", "bucket "
"""No name of a MySQL column ends in a blank."""
TYPES_WITHOUT_LITERAL = frozenset({"float", "double", *GEOMETRY_TYPES})
"""Types of which an equal literal cannot be written."""


@dataclass(frozen=True, kw_only=True)
class Checksums:
    """What is compared of a table, and how either side computes it."""

    table: SourceTable
    columns: tuple[SourceColumn, ...]
    """Those that are compared."""
    kinds: Mapping[str, str]
    """Their types in the lake."""

    @property
    def key(self) -> tuple[SourceColumn, ...]:
        """Columns of the key that are compared; a hashed one is not."""
        return tuple(each for name in self.table.key for each in self.columns if is_among(each.name, [name]))

    @property
    def can_look_up(self) -> bool:
        """Whether rows can be asked for by their key as the lake has it."""
        return len(self.key) == len(self.table.key) and not any(
            each.data_type in TYPES_WITHOUT_LITERAL for each in self.key
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers, one a column."""
        return tuple(f"{index} " for index in range(len(self.columns)))

    @property
    def server_token(self) -> str:
        """MySQL expression of the text that tells a row's key."""
        return _server_token([(each, server_text(each, self.kinds[each.name])) for each in self.key])

    @property
    def lake_token(self) -> str:
        """DuckDB expression of the same text."""
        return _lake_token([(each, lake_text(each, self.kinds[each.name])) for each in self.key])

    @property
    def server_numbers(self) -> tuple[str, ...]:
        """MySQL expression of each column's number in a row."""
        token = self.server_token
        return tuple(
            f"cast(conv(left(sha1(concat({token}, ifnull(concat('=', {text}), '~'))), {CHECKSUM_DIGITS}), 16, 10)"
            " as unsigned)"
            for text in (server_text(each, self.kinds[each.name]) for each in self.columns)
        )

    @property
    def lake_numbers(self) -> tuple[str, ...]:
        """DuckDB expression of each column's number in a row."""
        return tuple(
            f"cast('0x' || left(sha1({quoted(TOKEN_COLUMN)} || coalesce('=' || {text}, '~')), {CHECKSUM_DIGITS}) as"
            " ubigint)"
            for text in (lake_text(each, self.kinds[each.name]) for each in self.columns)
        )

    def server_sums(self, where: str) -> str:
        """MySQL statement: rows, and the checksum of each column."""
        sums = ", ".join(f"coalesce(sum({number}), 0)" for number in self.server_numbers)
        return f"select count(*), {sums} from {backticked(self.table.name)} where {where}"

    def server_buckets(self) -> str:
        """MySQL statement: the same of each bucket of keys."""
        sums = ", ".join(f"sum({number})" for number in self.server_numbers)
        return f"select {self.server_bucket}, count(*), {sums} from {backticked(self.table.name)} group by 1"

    @property
    def server_bucket(self) -> str:
        """MySQL expression of a row's bucket."""
        return f"left(sha1({self.server_token}), {BUCKET_DIGITS})"

    def server_rows(self, where: str) -> tuple[str, tuple[SourceColumn, ...]]:
        """MySQL statement of key, token and numbers of each row, and the columns of its answer."""
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
        """MySQL statement of the compared values of the row with a token."""
        select_list = ", ".join(f"{each.select_expression} as {backticked(each.name)}" for each in self.columns)
        has_token = f"sha1({self.server_token}) = sha1({_text_literal(token)})"
        return f"select {select_list} from {backticked(self.table.name)} where {where} and {has_token} limit 1"

    def keys_condition(self, keys: Sequence[Sequence[Any]]) -> str:
        """MySQL condition of the rows with some keys, each with its values in the order of :attr:`key`.

        Not ``(a, b) in ((…), (…))``: there MariaDB does not convert a literal to the character set of its column. The
        index finds what the source calls equal; of that, only what is typed as asked for is meant.
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
    """Whether a value may hold any character, so that its length must say where it ends."""
    return column.data_type in TEXT_TYPES | PRINTED_TYPES


def _utf8_bytes_sql(column: SourceColumn) -> str:
    """MySQL expression of a text's bytes in UTF-8: equal only when every letter is."""
    return f"cast(convert({backticked(column.name)} using utf8mb4) as binary)"


def _bytes_literal(value: Any) -> str:
    """A text, as DuckDB gives it, as MySQL bytes."""
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
    """A MySQL string that takes the collation of what it is compared with."""
    return f"_utf8mb4 x'{text.encode().hex()}'" if text else "_utf8mb4 ''"


def _literal(column: SourceColumn, value: Any) -> str:
    """A value of a key, as DuckDB gives it, in MySQL."""
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
