"""What the warehouse serves: ``_manifest.json``, and the objects of one moment that it names.

<warehouse>/<model>/part-0.parquet            what any engine reads; each replaced in one atomic step
<warehouse>/_objects/<model>/<sha256>.parquet the same bytes under a name that never changes
<warehouse>/_manifest.json                    which of them belong together; written last
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from refera_platform.errors import WarehouseError
from refera_platform.lake.objects import ObjectRoot

FORMAT = 1
KEY = "_manifest.json"
OBJECTS = "_objects/"


@dataclass(frozen=True, kw_only=True)
class PublishedModel:
    """One published table."""

    rows: int
    bytes: int
    sha256: str
    etag: str
    """ETag of the object that any engine reads."""
    run_id: str
    """Run that built it."""
    columns: Mapping[str, str]
    """Type of each column, in order."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The warehouse as of one publication."""

    run_id: str
    published_at: str
    """UTC instant, ISO."""
    models: Mapping[str, PublishedModel]
    sources: Mapping[str, Any]
    """Raw tables that the run read: newest day, position and every object with its ETag."""
    retired: Mapping[str, str] = field(default_factory=dict)
    """When objects were replaced, by key: sessions that opened them may read on for a day."""
    etag: str = ""
    """ETag of the manifest itself; empty before the first publication."""

    def to_json(self) -> str:
        """The text of the manifest."""
        content = {"format": FORMAT, **asdict(self)}
        content.pop("etag")
        return json.dumps(content, indent=1)


NOTHING = Published(run_id="", published_at="", models={}, sources={})


def fixed_key(model: str) -> str:
    """The key that any engine reads."""
    return f"{model}/part-0.parquet"


def object_key(model: str, sha256: str) -> str:
    """The key whose content never changes."""
    return f"{OBJECTS}{model}/{sha256}.parquet"


def read(root: ObjectRoot) -> Published:
    """What is published now; ``NOTHING`` before the first publication.

    Raises:
        WarehouseError: when the manifest is not one of ours.
    """
    found = root.read(KEY)
    if found is None:
        return NOTHING
    content, etag = found
    try:
        parsed: dict[str, Any] = json.loads(content)
        if parsed.pop("format") != FORMAT:
            raise WarehouseError(
                f"{root.url(KEY)} was written by a later version:", "update refera_platform."
            )
        models = {name: PublishedModel(**model) for name, model in parsed.pop("models").items()}
        return Published(**parsed, models=models, etag=etag)
    except (ValueError, KeyError, TypeError, AttributeError) as trouble:
        raise WarehouseError(
            f"{root.url(KEY)} is not a manifest:", "move it away and publish anew."
        ) from trouble
