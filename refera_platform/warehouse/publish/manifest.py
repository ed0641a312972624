"""Publication of the warehouse: the manifest ``_manifest.json`` and the objects that it names.

Writes nothing: ``publish``, ``export`` and ``fixed_keys`` do.

<warehouse>/<model>/part-0.parquet                     what any engine reads; each replaced in one atomic step
<warehouse>/<model>/<column>=<month>/part-0.parquet    the same, of a model that is stored in one object a month
<warehouse>/_objects/<model>/…/<sha256>.parquet        the same bytes under a key whose content never changes
<warehouse>/_manifest.json                             which of them belong together; the fixed keys above follow it
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import WarehouseError
from refera_platform.json_codec import decode_values, encode_json, encode_values, parse_json_object
from refera_platform.lake.lake import url_list
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.objects import ObjectRoot

MANIFEST_FORMAT = 2
MANIFEST_KEY = "_manifest.json"
OBJECTS_PREFIX = "_objects/"
FAILED_ROWS_PREFIX = "_failures/"
"""Prefix of the rows that failed tests found."""
INPUTS_FOLDER = "_inputs"
"""Folder of the lists of raw objects that publications were built from."""


@dataclass(frozen=True, kw_only=True)
class PublishedObject:
    """One object of a table."""

    month: str = ""
    """Value of the column that the table is stored by; empty for a table in one object."""
    rows: int
    bytes: int
    sha256: str
    etag: str = ""
    """ETag of the object's fixed key; empty for objects that only the platform reads."""
    totals: Mapping[str, str] = field(default_factory=dict)
    """Measures of the object's rows, so that an audit need not read them again."""


@dataclass(frozen=True, kw_only=True)
class PublishedModel:
    """One published table."""

    rows: int
    bytes: int
    run_id: str
    """Run that built it."""
    columns: Mapping[str, str]
    """DuckDB type of each column, in order."""
    stored_by: str = ""
    """Column whose values the objects are named after. It is in their path and not in the files."""
    objects: tuple[PublishedObject, ...]
    """In the order of their months."""

    @property
    def by_month(self) -> dict[str, PublishedObject]:
        """The objects by month."""
        return {item.month: item for item in self.objects}


@dataclass(frozen=True, kw_only=True)
class Publication:
    """The warehouse as of one publication."""

    run_id: str
    published_at: str
    """UTC instant, ISO 8601."""
    models: Mapping[str, PublishedModel]
    sources: Mapping[str, Any]
    """Raw tables that the run read: newest day, position, server, and number of objects."""
    state: Mapping[str, PublishedModel] = field(default_factory=dict)
    """Tables that only the platform reads: an incremental build continues from them."""
    complete_run: str = ""
    """Last run that built all models together; the next incremental build continues from it."""
    logic: str = ""
    """Hash of the models' logic in that run."""
    inputs: str = ""
    """SHA-256 of the list of raw objects that it read."""
    retired: Mapping[str, str] = field(default_factory=dict)
    """When objects were replaced, by key. They stay for a day, for sessions that opened them."""
    etag: str = ""
    """ETag of the manifest itself; empty before the first publication."""

    def to_json(self) -> str:
        """The text of the manifest."""
        content = {"format": MANIFEST_FORMAT, **encode_values(self)}
        content.pop("etag")
        return encode_json(content, separators=(",", ":"))

    def object_keys(self) -> set[str]:
        """The content-addressed key of every object of the publication."""
        tables = [*self.models.items(), *self.state.items()]
        named = {object_key(name, item, model.stored_by) for name, model in tables for item in model.objects}
        return named | ({inputs_key(self.inputs)} if self.inputs else set())


NO_PUBLICATION = Publication(run_id="", published_at="", models={}, sources={})


def fixed_key(model: str, month: str = "", stored_by: str = "") -> str:
    """The fixed key of an object, which any engine reads."""
    return f"{model}/{stored_by}={month}/part-0.parquet" if stored_by else f"{model}/part-0.parquet"


def object_key(model: str, item: PublishedObject, stored_by: str = "") -> str:
    """The content-addressed key of an object."""
    folder = f"{model}/{stored_by}={item.month}" if stored_by else model
    return f"{OBJECTS_PREFIX}{folder}/{item.sha256}.parquet"


def inputs_key(sha256: str) -> str:
    """The key of a list of raw objects."""
    return f"{OBJECTS_PREFIX}{INPUTS_FOLDER}/{sha256}.parquet"


def published_relation(
    root: ObjectRoot | LocalCopies, name: str, model: PublishedModel, months: Iterable[str] | None = None
) -> str:
    """DuckDB relation of a published table, or of some of its months.

    Args:
        root: The warehouse, or local copies of its objects. A build reads local copies, whose bytes were compared with
            the manifest's checksums.
        name: Name of the table.
        model: The published table.
        months: Months to read; ``None`` for all.
    """
    selected_months = None if months is None or not model.stored_by else set(months)
    objects = [item for item in model.objects if selected_months is None or item.month in selected_months]
    if not objects:
        columns = ", ".join(f"cast(null as {kind}) as {quoted(column)}" for column, kind in model.columns.items())
        return f"(select {columns} where false)"
    checksums = {object_key(name, item, model.stored_by): item.sha256 for item in objects}
    if isinstance(root, LocalCopies):
        urls = url_list(list(root.paths(dict.fromkeys(checksums, ""), checksums).values()))
    else:
        urls = url_list([root.url(key) for key in checksums])
    if not model.stored_by:
        return f"read_parquet({urls}, hive_partitioning = false)"
    hive = f"hive_partitioning = true, hive_types = {{{literal(model.stored_by)}: varchar}}"
    return f"read_parquet({urls}, {hive})"


def read_publication(root: ObjectRoot) -> Publication:
    """The present publication; ``NO_PUBLICATION`` before the first one.

    Raises:
        WarehouseError: when the manifest cannot be read as one.
    """
    stored = root.read(MANIFEST_KEY)
    if stored is None:
        return NO_PUBLICATION
    content, etag = stored
    try:
        parsed = parse_json_object(content)
        format_version = parsed.pop("format")
        if format_version > MANIFEST_FORMAT:
            raise WarehouseError(f"{root.url(MANIFEST_KEY)} was written by a later version:", "update refera_platform.")
        if format_version < MANIFEST_FORMAT:
            parsed["models"] = {name: _from_first_format(model) for name, model in parsed["models"].items()}
        return decode_values({**parsed, "etag": etag}, Publication)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WarehouseError(
            f"{root.url(MANIFEST_KEY)} is not a manifest:", "move it away and publish again."
        ) from error


def _from_first_format(content: dict[str, Any]) -> dict[str, Any]:
    """A table in the present format, from a manifest of the first format, in which each table was one object."""
    item = {key: content[key] for key in ("rows", "bytes", "etag")} | {"sha256": content["sha256"]}
    return {key: content[key] for key in ("rows", "bytes", "run_id", "columns")} | {"objects": [item]}
