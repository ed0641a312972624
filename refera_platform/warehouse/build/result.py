"""Result of one build of the warehouse: results of its nodes, the publication, and the error of a failed build."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from refera_platform.errors import WarehouseError
from refera_platform.lake.preview import Preview
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.catalogs.lineage import Lineage
from refera_platform.warehouse.publish.manifest import Publication, fixed_key


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """Result of one build, published or not."""

    run_id: str
    nodes: tuple[NodeResult, ...]
    published: Publication | None
    """The present publication; ``None`` when the build failed or was an audit, and the previous tables stay."""
    root: str
    """URL of the warehouse's root."""
    seconds: float
    full_build_reason: str
    """Why it was a full build; empty for an incremental build."""
    rebuilt_months: frozenset[str] = frozenset()
    """The months that an incremental build rebuilt."""
    failed_rows: tuple[tuple[str, str], ...] = ()
    """Name of each failed test whose rows were stored, and their URL."""
    lineage: Lineage | None = None
    """Column lineage; set when the build was published."""
    previews: Mapping[str, Preview] = field(default_factory=dict)
    """Some rows of each published model, when the stage shows previews."""

    @property
    def failed_nodes(self) -> tuple[NodeResult, ...]:
        """The nodes that failed, in the order they ran."""
        return tuple(node for node in self.nodes if node.is_failed)

    def to_error(self) -> WarehouseError:
        """The error of a failed build, for the caller to raise: the first failure, and how many more there are."""
        first, *others = self.failed_nodes
        more = f" (and {len(others)} more)" if others else ""
        rows = f" with {first.failures} rows" if first.failures else ""
        message = " ".join(first.message.split()).rstrip(".")
        rows_url = dict(self.failed_rows).get(first.name)
        rows_hint = f"; its rows are in {rows_url}" if rows_url else ""
        summary, consequence = (
            f"{first.kind} {first.name} is red{rows}",
            "nothing was published and the previous tables stay:",
        )
        return WarehouseError(
            f"{summary}: {message}{rows_hint}{more}; {consequence}",
            "correct the data or the model and run again.",
            public_problem=f"{summary}{rows_hint}{more}; {consequence}",
        )

    def model_url(self, model: str) -> str:
        """URL at which any engine reads a published model."""
        published_model = self.published.models[model] if self.published else None
        return f"{self.root}/{model if published_model and published_model.stored_by else fixed_key(model)}"
