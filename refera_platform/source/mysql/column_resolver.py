"""Column resolver of table maps: finds the columns by name where the binlog has names, else by the catalogue.

Makes the row decoders of a run and caches the catalogue columns of each table. Decodes no row itself.
"""

from collections.abc import Mapping, Sequence

from refera_platform.errors import LakeError, SourceError
from refera_platform.source.change_stream import StreamTable
from refera_platform.source.collation import collations_by_column
from refera_platform.source.column_names import name_identity
from refera_platform.source.connection import Source
from refera_platform.source.mysql.binlog.charsets import Charsets
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder, build_row_decoder
from refera_platform.source.mysql.binlog.table_map import TableMap
from refera_platform.source.table import SourceTable
from refera_platform.source.types import SourceColumn


class ColumnResolver:
    """Makes row decoders, and caches the catalogue columns of each table."""

    def __init__(self, source: Source, hash_key: bytes) -> None:
        self._source = source
        self._charsets = Charsets(source.ask)
        self._hash_key = hash_key
        self._declared_columns: dict[str, tuple[SourceColumn, ...]] = {}

    def declared_columns(self, table: SourceTable) -> tuple[SourceColumn, ...]:
        """Every column of a table in the catalogue now; none when the table is gone."""
        if table.name not in self._declared_columns:
            try:
                self._declared_columns[table.name] = self._source.catalogue_columns(table)
            except SourceError:
                self._declared_columns[table.name] = ()
        return self._declared_columns[table.name]

    def source_types(self, table: SourceTable) -> dict[str, str]:
        """Type and character set of each column, in the form that a day's state stores."""
        return {
            column.name: f"{column.column_type} {column.charset or ''}".strip()
            for column in self.declared_columns(table)
        }

    def collations(self, table: SourceTable) -> dict[str, str]:
        """The collation of each text column, in the form that a day's state stores."""
        return collations_by_column(self.declared_columns(table))

    def decoder(self, table_map: TableMap, stream_table: StreamTable) -> RowDecoder:
        """Make the decoder of a copied table's rows.

        Raises:
            LakeError: when the binlog does not name the columns and they changed.
            SourceError: when a column type cannot be copied exactly, or a row image is not complete.
        """
        table = stream_table.table
        previous = _comparable_types(stream_table.previous_types)
        current = _comparable_types(self.source_types(table))
        if not table_map.has_names and (stream_table.has_schema_change or previous not in ([], current)):
            raise LakeError(
                f"The columns of {table.address} changed, and the binlog does not name the columns of its rows:",
                f"set global binlog_row_metadata = FULL, then `refera resnapshot {table.address}`.",
            )
        return build_row_decoder(table_map, table, self.declared_columns(table), self._charsets, self._hash_key)

    def keyed_decoder(self, table_map: TableMap, key: Sequence[str]) -> RowDecoder:
        """Make a decoder with ``key`` as the key: an update that changes it becomes a delete and a create."""
        table = SourceTable(
            database="watched", name=table_map.table, key=tuple(key), about="A table that others refer to."
        )
        columns = self._source.catalogue_columns(table, table_map.schema)
        return build_row_decoder(table_map, table, columns, self._charsets, self._hash_key)


def _comparable_types(types: Mapping[str, str]) -> list[tuple[str, str]]:
    """Columns with their types; names that differ only in case are equal."""
    return [(name_identity(name), kind) for name, kind in types.items()]
