"""Result of one build of the warehouse: its nodes, what was published, and the error that a red build is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from refera_platform.errors import WarehouseError
from refera_platform.lake.preview import Preview
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.catalogs.lineage import Lineage
from refera_platform.warehouse.publish.publication import Publication, fixed_key


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """One run of the warehouse, published or not."""

    run_id: str
    nodes: tuple[NodeResult, ...]
    published: Publication | None
    """What is served now; ``None`` when the audit was red and yesterday's tables stay."""
    root: str
    """Root of the warehouse."""
    seconds: float
    full_build_reason: str
    """Why everything was built; empty when the changes since the publication before were enough."""
    rebuilt_months: frozenset[str] = frozenset()
    """The months that were written anew, when not all were."""
    failed_rows: tuple[tuple[str, str], ...] = ()
    """Name of each red test whose rows were kept, and their address."""
    lineage: Lineage | None = None
    """What columns are made of, after a publication."""
    previews: Mapping[str, Preview] = field(default_factory=dict)
    """Some rows of each model that was published, when the stage shows any."""

    @property
    def failed_nodes(self) -> tuple[NodeResult, ...]:
        """The nodes that failed, in the order they ran."""
        return tuple(node for node in self.nodes if node.is_failed)

    def failure_message(self) -> str:
        """One sentence on a red build: the first failure, and how many more there are."""
        return str(self.to_error())

    def to_error(self) -> WarehouseError:
        """The error that a red build is."""
        first, *others = self.failed_nodes
        more = f" (and {len(others)} more)" if others else ""
        rows = f" with {first.failures} rows" if first.failures else ""
        message = " ".join(first.message.split()).rstrip(".")
        rows_url = dict(self.failed_rows).get(first.name)
        rows_hint = f"; its rows are in {rows_url}" if rows_url else ""
        summary, consequence = (
            f"{first.kind} {first.name} is red{rows}",
            "nothing was published and the tables before stay:",
        )
        return WarehouseError(
            f"{summary}: {message}{rows_hint}{more}; {consequence}",
            "mend the data or the model and run again.",
            public_problem=f"{summary}{rows_hint}{more}; {consequence}",
        )

    def model_url(self, model: str) -> str:
        """Where any engine reads a published model."""
        published_model = self.published.models[model] if self.published else None
        return f"{self.root}/{model if published_model and published_model.stored_by else fixed_key(model)}"
