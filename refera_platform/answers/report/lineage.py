"""Column lineage of the answers, for the page: each column traced to the columns of the source.

Traces no SQL: ``warehouse.catalogs.lineage`` does, at each build.

docs/lineage.json (direct parents) ──read_lineage()──▶ Lineage ──trace_answer_columns()──▶ AnswerColumn
"""

from collections.abc import Sequence
from dataclasses import dataclass

from refera_platform.errors import WarehouseError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.catalogs.dbt_docs import LINEAGE_KEY
from refera_platform.warehouse.catalogs.graph import ancestors
from refera_platform.warehouse.catalogs.lineage import ColumnReference, Lineage


@dataclass(frozen=True, kw_only=True)
class AnswerColumn:
    """One column of an answer."""

    model: str
    column: str
    through: tuple[str, ...]
    """``relation.column`` of every model between, nearest first."""
    sources: tuple[str, ...]
    """``table.column`` of the source."""


def read_lineage(root: ObjectRoot) -> Lineage | None:
    """The lineage that the last build wrote; ``None`` when there is none.

    Raises:
        WarehouseError: when the object cannot be read as lineage.
    """
    stored = root.read(LINEAGE_KEY)
    if stored is None:
        return None
    lineage = Lineage.from_json(stored[0])
    if lineage.problems:
        raise WarehouseError(f"{root.url(LINEAGE_KEY)} is not lineage:", "build the warehouse again: `refera run`.")
    return lineage


def trace_answer_columns(lineage: Lineage, models: Sequence[str]) -> list[AnswerColumn]:
    """Every column of some models, traced to columns without known parents."""
    return [
        _trace_answer_column(lineage, ColumnReference(model, column))
        for model in models
        for column in lineage.models.get(model, {})
    ]


def _trace_answer_column(lineage: Lineage, column: ColumnReference) -> AnswerColumn:
    ancestor_columns = [met for met in ancestors(column, lineage.parents) if met != column]
    names = {met: f"{met.relation}.{met.column}" for met in ancestor_columns}
    return AnswerColumn(
        model=column.relation,
        column=column.column,
        through=tuple(names[met] for met in ancestor_columns if met.relation in lineage.models),
        sources=tuple(sorted(names[met] for met in ancestor_columns if met.relation not in lineage.models)),
    )
