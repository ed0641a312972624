"""Rows whose deletion or new key takes rows of other tables with it, of which the log does not tell.

cascades of the server's catalogue + TableMap ──▶ Watch.children(event) ──▶ tables to be read anew
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from refera_platform.errors import ReferaError
from refera_platform.source.cascades import Cascade
from refera_platform.source.log.rows import RowDecoder
from refera_platform.source.log.table_map import TableMap


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Told of the rows of one parent."""

    on_delete: frozenset[str]
    """Tables that change when a row of it goes."""
    on_update: Sequence[tuple[RowDecoder, frozenset[str]]]
    """Tables that change when columns of it change: those that the decoder takes for the key."""
    on_any: frozenset[str] = frozenset()
    """Tables that may change with any update, since the log does not tell which columns changed."""

    def children(self, operation: str, version: int, body: bytes) -> frozenset[str]:
        """Names of the tables that one rows event changes besides its own."""
        if operation == "d":
            return self.on_delete
        if operation == "c":
            return frozenset()
        found = self.on_any
        for decoder, children in self.on_update:
            try:
                is_changed = any(op == "d" for _, op in decoder.read(operation, version, body, []))
            except ReferaError:  # not all columns are there: it may have
                is_changed = True
            if is_changed:
                found |= children
        return found


def watches(
    cascades: Collection[Cascade], decoder: Callable[[TableMap, tuple[str, ...]], RowDecoder], schema: str
) -> Callable[[TableMap], Watch | None]:
    """What watches the rows of a table map; nothing for a table that nobody's rows hang on.

    Args:
        cascades: Foreign keys whose action changes rows.
        decoder: Makes a decoder that takes some columns for the key.
        schema: Schema of the children.
    """
    by_parent: dict[tuple[str, str], list[Cascade]] = {}
    for cascade in cascades:
        by_parent.setdefault((cascade.schema, cascade.parent), []).append(cascade)

    def watch(table_map: TableMap) -> Watch | None:
        own = by_parent.get((table_map.schema, table_map.table), [])
        if not own:
            return None
        deleting = [each.child for each in own if each.on_delete]
        updating: list[tuple[RowDecoder, frozenset[str]]] = []
        unknown: frozenset[str] = frozenset()
        for each in own:
            children = (
                _with_descendants([each.child], by_parent, schema) if each.on_update else frozenset[str]()
            )
            try:
                if children:
                    updating.append((decoder(table_map, each.columns), children))
            except ReferaError:  # its columns were others then
                unknown |= children
        return Watch(
            on_delete=_with_descendants(deleting, by_parent, schema), on_update=updating, on_any=unknown
        )

    return watch


def _with_descendants(
    tables: Sequence[str], by_parent: Mapping[tuple[str, str], Sequence[Cascade]], schema: str
) -> frozenset[str]:
    """The tables and all whose rows may change with theirs; too many are read anew rather than too few."""
    found, open_ones = set[str](), list(tables)
    while open_ones:
        table = open_ones.pop()
        if table not in found:
            found.add(table)
            open_ones += [each.child for each in by_parent.get((schema, table), ())]
    return frozenset(found)
