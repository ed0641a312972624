"""Cascade index: finds the tables whose rows change by a foreign-key cascade, of which the binlog holds no row event.

cascades of the catalogue + table map ──▶ ParentCascades.affected_tables(event) ──▶ tables to be read again
"""

from collections.abc import Sequence
from dataclasses import dataclass

from refera_platform.errors import ReferaError
from refera_platform.source.cascades import Cascade, Cascades, TableName
from refera_platform.source.mysql.binlog.ddl import dml_words
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder
from refera_platform.source.mysql.binlog.stream_event import RowsEvent
from refera_platform.source.mysql.binlog.table_map import TableMap
from refera_platform.source.mysql.column_resolver import ColumnResolver


@dataclass(frozen=True, kw_only=True)
class ParentCascades:
    """The cascades of one parent table."""

    on_delete: frozenset[str]
    """Tables that change when a row of it is deleted."""
    on_update: Sequence[tuple[RowDecoder, frozenset[str]]]
    """Tables that change when referenced columns of it change; the decoder has those columns as its key."""
    on_any: frozenset[str] = frozenset()
    """Tables that may change with any update, since the referenced columns cannot be decoded."""

    def affected_tables(self, event: RowsEvent) -> frozenset[str]:
        """Names of the child tables that one row event may change."""
        if event.operation == "d":
            return self.on_delete
        if event.operation == "c":
            return frozenset()
        affected = self.on_any
        for decoder, children in self.on_update:
            try:
                is_changed = any(op == "d" for _, op in decoder.split_rows(event, []))
            except ReferaError:  # the row image lacks a column, so the key may have changed
                is_changed = True
            if is_changed:
                affected |= children
        return affected


class CascadeIndex:
    """Cascades of a schema by parent table."""

    def __init__(self, cascades: Cascades, column_resolver: ColumnResolver) -> None:
        """Group the cascades by parent.

        Args:
            cascades: Foreign keys whose action changes rows.
            column_resolver: Makes the decoders of the parents' rows.
        """
        self._cascades = cascades
        self._column_resolver = column_resolver
        self._by_parent: dict[TableName, list[Cascade]] = {}
        for cascade in cascades.acting:
            self._by_parent.setdefault((cascade.schema, cascade.parent), []).append(cascade)

    def for_table_map(self, table_map: TableMap) -> ParentCascades | None:
        """The cascades of the table of a table map; ``None`` for a table that is no parent."""
        parent_cascades = self._by_parent.get((table_map.schema, table_map.table), [])
        if not parent_cascades:
            return None
        updating: list[tuple[RowDecoder, frozenset[str]]] = []
        on_any_update: frozenset[str] = frozenset()
        for each in parent_cascades:
            children = self._affected_tables([each]) if each.on_update else frozenset[str]()
            try:
                if children:
                    updating.append((self._column_resolver.keyed_decoder(table_map, each.columns), children))
            except ReferaError:  # the table map is of an older schema
                on_any_update |= children
        deleting = self._affected_tables([each for each in parent_cascades if each.on_delete])
        return ParentCascades(on_delete=deleting, on_update=updating, on_any=on_any_update)

    def affected_by_statement(self, sql: str) -> frozenset[str]:
        """Names of the tables that may change when a statement writes to their parents in other schemas."""
        written_names = dml_words(sql)
        acting = [
            each
            for (schema, table), own in self._by_parent.items()
            if schema != self._cascades.schema and table.casefold() in written_names
            for each in own
        ]
        return self._affected_tables(acting)

    def _affected_tables(self, foreign_keys: Sequence[Cascade]) -> frozenset[str]:
        """The tables of the copied schema that some foreign keys cascade to, directly or not."""
        affected = self._cascades.with_descendants([(each.child_schema, each.child) for each in foreign_keys])
        return frozenset(table for schema, table in affected if schema == self._cascades.schema)
