"""Result of one build of the warehouse: its nodes, what was published, and the error that a red build is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from refera_platform.errors import WarehouseError
from refera_platform.lake.preview import Preview
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.catalogs.lineage import Lineage
from refera_platform.warehouse.publish.publication import Published, fixed_key


@dataclass(frozen=True, kw_only=True)
class Built:
    """One run of the warehouse, published or not."""

    run_id: str
    nodes: tuple[NodeResult, ...]
    published: Published | None
    """What is served now; ``None`` when the audit was red and yesterday's tables stay."""
    root: str
    """Root of the warehouse."""
    seconds: float
    reason: str
    """Why everything was built; empty when the changes since the publication before were enough."""
    months: frozenset[str] = frozenset()
    """The months that were written anew, when not all were."""
    failures: tuple[tuple[str, str], ...] = ()
    """Name of each red test whose rows were kept, and their address."""
    lineage: Lineage | None = None
    """What columns are made of, after a publication."""
    previews: Mapping[str, Preview] = field(default_factory=dict)
    """Some rows of each model that was published, when the stage shows any."""

    @property
    def red(self) -> tuple[NodeResult, ...]:
        """The nodes that failed, in the order they ran."""
        return tuple(node for node in self.nodes if node.is_red)

    def verdict(self) -> str:
        """One sentence on a red build: the first failure, and how many more there are."""
        return str(self.failure())

    def failure(self) -> WarehouseError:
        """The error that a red build is."""
        first, *others = self.red
        more = f" (and {len(others)} more)" if others else ""
        rows = f" with {first.failures} rows" if first.failures else ""
        said = " ".join(first.message.split()).rstrip(".")
        kept = dict(self.failures).get(first.name)
        look = f"; its rows are in {kept}" if kept else ""
        red, stays = (
            f"{first.kind} {first.name} is red{rows}",
            "nothing was published and the tables before stay:",
        )
        return WarehouseError(
            f"{red}: {said}{look}{more}; {stays}",
            "mend the data or the model and run again.",
            public=f"{red}{look}{more}; {stays}",
        )

    def url(self, model: str) -> str:
        """Where any engine reads a published model."""
        found = self.published.models[model] if self.published else None
        return f"{self.root}/{model if found and found.stored_by else fixed_key(model)}"
