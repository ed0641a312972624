"""How one ``select`` makes its columns: SQL is qualified once, and its scopes are walked from column to column.

``sqlglot.lineage`` qualifies anew for each column; 34 models take it three times as long.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope, find_all_in_scope
from sqlglot.schema import MappingSchema

from refera_platform.warehouse.catalogs.lineage import reachable

DIALECT = "duckdb"
Place: TypeAlias = tuple[str, str]
"""Schema and name of a relation."""
Origin: TypeAlias = tuple[str, str, str]
"""Schema, relation and column."""
Step: TypeAlias = tuple[Scope | None, str, Origin | None]
"""A column of a scope, or at the end of the way one of a relation."""


Relations: TypeAlias = Mapping[Place, tuple[str, str, Mapping[str, str]]]
"""By schema and name in lower case: both as they are spelt, and the spelling of each column."""


class Untold(Exception):  # noqa: N818 - it is no failure of the build
    """The SQL does not tell what its columns are made of."""


class Reader:
    """Reads SQL that selects from known relations; DuckDB minds no case, so names are compared without it."""

    def __init__(self, relations: Mapping[Place, tuple[str, ...]], *, same: Mapping[str, str]) -> None:
        """Know what can be read.

        Args:
            relations: Columns of each relation.
            same: Schemas whose relations are looked up in another one when they are not known themselves.
        """
        self._relations: dict[Place, tuple[str, str, Mapping[str, str]]] = {
            (schema.lower(), table.lower()): (schema, table, {name.lower(): name for name in names})
            for (schema, table), names in relations.items()
        }
        for other, schema in same.items():
            for (there, table), relation in list(self._relations.items()):
                if there == schema:
                    self._relations.setdefault((other, table), relation)
        mapping: dict[str, Any] = {}
        for (schema, table), (_, _, names) in self._relations.items():
            mapping.setdefault(schema, {})[table] = dict.fromkeys(names, "unknown")
        self._schema = MappingSchema(mapping, dialect=DIALECT)

    def read(self, sql: str) -> dict[str, set[Origin]]:
        """The columns that the SQL gives, in lower case and in order, and the columns of relations in each.

        Raises:
            Untold: when the SQL cannot be read, or reads what is not known.
        """
        try:
            parsed = parse_one(sql, dialect=DIALECT)
            if not isinstance(parsed, exp.Query):
                raise Untold("it is no select")
            query = qualify(
                parsed.unnest(), dialect=DIALECT, schema=self._schema, identify=False, quote_identifiers=False
            )
            scope = build_scope(query)
            if scope is None:
                raise Untold("it is no select")
            return _Walk(scope, self._relations).columns()
        except Untold:
            raise
        except SqlglotError as trouble:
            raise Untold(str(trouble).splitlines()[0]) from trouble
        except Exception as trouble:  # whatever sqlglot stumbles over, a build goes on
            raise Untold(f"sqlglot fails on it ({trouble!r})") from trouble


class _Walk:
    """The ways from the columns of one qualified query to those of relations."""

    def __init__(self, root: Scope, relations: Relations) -> None:
        self._root = root
        self._relations = relations
        self._scopes = {id(scope.expression): scope for scope in root.traverse()}

    def columns(self) -> dict[str, set[Origin]]:
        return {name: self._origins(name) for name in _names(self._root.expression)}

    def _origins(self, name: str) -> set[Origin]:
        start: Step = (self._root, name, None)
        return {origin for _, _, origin in reachable(start, self._above) if origin is not None}

    def _above(self, step: Step) -> Iterator[Step]:
        """What a column is made of directly."""
        scope, name, _ = step
        if scope is None:
            return
        made = scope.expression
        if isinstance(made, exp.SetOperation):
            for branch in scope.set_operation_scopes:
                names = _names(branch.expression)
                if not made.args.get("by_name"):
                    yield branch, names[made.named_selects.index(name)], None
                elif name in names:
                    yield branch, name, None
        elif isinstance(made, exp.Select):
            chosen = next((each for each in made.selects if each.alias_or_name == name), None)
            if chosen is None or chosen.is_star or chosen.find(exp.Columns):
                raise Untold(f"the columns behind {name or '*'} are not known")
            yield from self._named(scope, chosen)
            for window in chosen.find_all(exp.Window):
                for named in made.args.get("windows") or ():
                    if window.alias and named.name == window.alias:
                        yield from self._named(scope, named)
        elif isinstance(made, exp.Subquery | exp.Lateral) and scope.subquery_scopes:
            for inner in scope.subquery_scopes:
                yield inner, name, None
        else:  # unnest, values: any of their columns is made of all they are given
            yield from self._named(scope, made)

    def _named(self, scope: Scope, expression: exp.Expr) -> Iterator[Step]:
        """The columns that an expression names, and those that its subqueries give."""
        for column in find_all_in_scope(expression, exp.Column):
            yield from self._resolved(scope, column)
        inner = {id(each.expression): each for each in scope.subquery_scopes}
        for query in find_all_in_scope(expression, exp.Query):
            if id(query) in inner and not isinstance(query.parent, exp.Exists):
                for name in _names(query):
                    yield inner[id(query)], name, None

    def _resolved(self, scope: Scope, column: exp.Column) -> Iterator[Step]:
        relation, name, *_ = (part.name for part in column.parts)  # behind them come fields of a struct
        around: Scope | None = scope
        while around is not None and relation not in around.sources:
            around = around.parent  # of a correlated subquery, or of an unnest beside its table
        if around is None:
            raise Untold(f"where {column.sql(DIALECT)} comes from is not known")
        source = around.sources[relation]
        if isinstance(source, Scope):
            yield self._whole(source), name, None
        elif isinstance(source.this, exp.Func):
            yield from self._named(around, source.this)
        else:
            yield None, "", self._leaf(source, name)

    def _whole(self, source: Scope) -> Scope:
        """The scope as it was traversed; where a recursion reads itself, sqlglot shows its first branch alone."""
        met = self._scopes.get(id(source.expression))
        if met is source or source.expression.parent is None:
            return source
        return self._scopes.get(id(source.expression.parent), source)

    def _leaf(self, table: exp.Table, column: str) -> Origin:
        known = self._relations.get((table.db, table.name))
        if known is None:
            raise Untold(f"the columns of {table.sql(DIALECT)} are not known")
        schema, name, columns = known
        return schema, name, columns[column]


def _names(query: exp.Expr) -> list[str]:
    """The columns that a query gives, in order."""
    if isinstance(query, exp.SetOperation) and query.args.get("by_name"):
        return list(dict.fromkeys([*_names(query.left), *_names(query.right)]))
    return query.named_selects if isinstance(query, exp.Query) else []
