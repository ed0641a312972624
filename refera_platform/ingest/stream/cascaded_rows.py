"""Rows whose deletion or new key takes rows of other tables with it, of which the log does not tell.

cascades of the server's catalogue + TableMap ──▶ Watch.children(event) ──▶ tables to be read anew
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refera_platform.errors import ReferaError
from refera_platform.source.cascades import Cascade, Cascades, TableName
from refera_platform.source.mysql.binlog.ddl import dml_words
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder
from refera_platform.source.mysql.binlog.table_map import TableMap


@dataclass(frozen=True, kw_only=True)
class ParentCascades:
    """Told of the rows of one parent."""

    on_delete: frozenset[str]
    """Tables that change when a row of it goes."""
    on_update: Sequence[tuple[RowDecoder, frozenset[str]]]
    """Tables that change when columns of it change: those that the decoder takes for the key."""
    on_any: frozenset[str] = frozenset()
    """Tables that may change with any update, since the log does not tell which columns changed."""

    def affected_tables(self, operation: str, version: int, body: bytes) -> frozenset[str]:
        """Names of the tables that one rows event changes besides its own."""
        if operation == "d":
            return self.on_delete
        if operation == "c":
            return frozenset()
        affected = self.on_any
        for decoder, children in self.on_update:
            try:
                is_changed = any(op == "d" for _, op in decoder.split_rows(operation, version, body, []))
            except ReferaError:  # not all columns are there: it may have
                is_changed = True
            if is_changed:
                affected |= children
        return affected


class CascadeIndex:
    """What watches the tables that somebody's rows hang on."""

    def __init__(self, cascades: Cascades, decoder: Callable[[TableMap, tuple[str, ...]], RowDecoder]) -> None:
        """Begin.

        Args:
            cascades: Foreign keys whose action changes rows.
            decoder: Makes a decoder that takes some columns for the key.
        """
        self._cascades = cascades
        self._decoder = decoder
        self._by_parent: dict[TableName, list[Cascade]] = {}
        for cascade in cascades.acting:
            self._by_parent.setdefault((cascade.schema, cascade.parent), []).append(cascade)

    def for_table_map(self, table_map: TableMap) -> ParentCascades | None:
        """What watches the rows of a table map; nothing for a table that nobody's rows hang on."""
        parent_cascades = self._by_parent.get((table_map.schema, table_map.table), [])
        if not parent_cascades:
            return None
        updating: list[tuple[RowDecoder, frozenset[str]]] = []
        on_any_update: frozenset[str] = frozenset()
        for each in parent_cascades:
            children = self._affected_tables([each]) if each.on_update else frozenset[str]()
            try:
                if children:
                    updating.append((self._decoder(table_map, each.columns), children))
            except ReferaError:  # its columns were others then
                on_any_update |= children
        deleting = self._affected_tables([each for each in parent_cascades if each.on_delete])
        return ParentCascades(on_delete=deleting, on_update=updating, on_any=on_any_update)

    def affected_by_statement(self, sql: str) -> frozenset[str]:
        """Names of the tables that may change with those of other schemas to which a statement writes."""
        written_names = dml_words(sql)
        acting = [
            each
            for (schema, table), own in self._by_parent.items()
            if schema != self._cascades.schema and table.casefold() in written_names
            for each in own
        ]
        return self._affected_tables(acting)

    def _affected_tables(self, foreign_keys: Sequence[Cascade]) -> frozenset[str]:
        """The tables of the copied schema that some foreign keys lead to."""
        affected = self._cascades.with_descendants([(each.child_schema, each.child) for each in foreign_keys])
        return frozenset(table for schema, table in affected if schema == self._cascades.schema)
