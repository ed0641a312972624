"""Staged chunks of a snapshot: files beside the lake that no reader sees, until the snapshot is merged from them.

A staged chunk is never read from the source again, so only the chunk that failed is repeated.

    <lake>/_staging/<database>/<table>/plan.json
    <lake>/_staging/<database>/<table>/<plan>/piece-00007.parquet
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import asdict

from refera_platform.duckdb_session.quoting import literal
from refera_platform.errors import LakeError, SourceError
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.snapshot.chunks import ChunkPlan
from refera_platform.json_codec import decode_json, encode_json
from refera_platform.lake import layout
from refera_platform.lake.lake import Lake, read_state_texts, run_sql
from refera_platform.lake.object_state import FOOTER_KEY
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.source.connection import Source
from refera_platform.source.key_ranges import chunk_condition
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.table import SourceTable

CHUNK_FILE_PATTERN = re.compile(r"piece-(\d{5})\.parquet")


class ChunkState(Struct, frozen=True, kw_only=True, rename={"number": "piece"}):
    """State of one chunk, stored in its footer."""

    number: int
    rows: int
    position: str
    """Binlog position at which it was read."""


class StagedChunk(ChunkState, frozen=True, kw_only=True):
    """One chunk as it is staged."""

    url: str


@dataclass(frozen=True, kw_only=True)
class StagedSnapshot:
    """A snapshot whose chunks are all staged."""

    plan: ChunkPlan
    chunks: tuple[StagedChunk, ...]
    """Each chunk, as it was listed before the binlog was read: another call may add, remove or replace some later."""


class ChunkStaging:
    """The chunk plan and the staged chunks of one table."""

    def __init__(self, lake: Lake, table: SourceTable) -> None:
        self._objects: ObjectRoot = lake.objects
        self._table = table
        self._folder = f"{layout.STAGING_PREFIX}{layout.table_folder(table)}"
        self._plan_key = f"{self._folder}plan.json"

    def read_plan(self) -> ChunkPlan | None:
        """Read the current plan; ``None`` when there is none.

        Raises:
            LakeError: when the stored plan is malformed.
        """
        stored = self._objects.read(self._plan_key)
        if stored is None:
            return None
        try:
            return decode_json(stored[0], ChunkPlan)
        except ValueError as error:
            raise LakeError(
                f"{self._objects.url(self._plan_key)} is not a chunk plan:",
                "remove the object and run again.",
            ) from error

    def replace_plan(self, plan: ChunkPlan) -> None:
        """Make a plan the current one, and remove the chunks of earlier plans."""
        self._objects.write(self._plan_key, encode_json(plan).encode())
        for item in list(self._objects.list(self._folder)):
            if item.key != self._plan_key and not item.key.startswith(self._chunk_prefix(plan)):
                self._objects.remove(item.key)

    def stored_chunks(self, plan: ChunkPlan) -> dict[int, StoredObject]:
        """The staged chunks of a plan, by number."""
        prefix = self._chunk_prefix(plan)
        candidates = (
            (CHUNK_FILE_PATTERN.fullmatch(item.key.removeprefix(prefix)), item) for item in self._objects.list(prefix)
        )
        return {int(match[1]): item for match, item in candidates if match}

    def chunk_key(self, plan: ChunkPlan, number: int) -> str:
        """Key of a chunk."""
        return f"{self._chunk_prefix(plan)}piece-{number:05d}.parquet"

    def discard(self, plan: ChunkPlan) -> None:
        """Remove a plan, then its chunks; chunks without a plan are ignored. Another current plan stays."""
        current = self.read_plan()
        if current is not None and current.id == plan.id:
            self._objects.remove(self._plan_key)
        for item in list(self._objects.list(self._chunk_prefix(plan))):
            self._objects.remove(item.key)

    def _chunk_prefix(self, plan: ChunkPlan) -> str:
        return f"{self._folder}{plan.id}/"


def stage_chunk(context: IngestContext, table: SourceTable, plan_id: str, number: int) -> StagedChunk:
    """Read one chunk and stage it; a chunk that is staged already is left as it is.

    Args:
        context: The call that reads it.
        table: The table.
        plan_id: Id of the plan it belongs to.
        number: Number of the chunk, from 0.

    Raises:
        LakeError: when the plan is not the current one, or the chunk cannot be stored.
        SourceError: when the table cannot be read, or was altered since the plan was made.
    """
    source, staging = context.source, ChunkStaging(context.lake, table)
    plan = staging.read_plan()
    if plan is None or plan.id != plan_id or not 0 <= number < plan.chunk_count:
        raise LakeError(
            f"Chunk {number} of plan {plan_id} of {table.address} is not in its current plan:",
            "capture the table again, which makes a new plan.",
            is_transient=True,
        )
    if existing := staging.stored_chunks(plan).get(number):
        return read_staged_chunks(source, [existing.url])[0]
    with source.snapshot() as snapshot:
        if snapshot.position is None:
            raise LakeError("The server writes no binlog:", "set log_bin in its configuration.")
        columns = source.columns(table)
        if not plan.is_for_table(source, table, columns):
            staging.discard(plan)
            raise SourceError(
                f"Table {table.address} changed while its chunks were read:",
                "the chunks read so far are discarded; run it again.",
                is_transient=True,
            )
        where = chunk_condition(table, columns, plan.bounds, number)
        pulled = read_source_table(source, table, context.folder / "read.parquet", context.clock, where=where)
    chunk_state = ChunkState(number=number, rows=pulled.rows, position=str(snapshot.position))
    path = context.folder / "chunk.parquet"
    run_sql(
        source.connection,
        f"copy (select * from {pulled.relation}) to {literal(str(path))} (format parquet, compression zstd,"
        f" kv_metadata {{{FOOTER_KEY}: {literal(encode_json(chunk_state))}}})",
    )
    try:
        context.lake.objects.put(staging.chunk_key(plan, number), path, replaces=None)
    except LakeError:
        if number not in staging.stored_chunks(plan):
            raise  # else another call has just done the same
    stored = staging.stored_chunks(plan).get(number)
    if stored is None:
        raise LakeError(
            f"Chunk {number} of {table.address} was stored and removed again: another call has merged the table"
            " or started a new plan.",
            "Capture the table again.",
            is_transient=True,
        )
    return read_staged_chunks(source, [stored.url])[0]


def read_staged_chunks(source: Source, urls: Sequence[str]) -> list[StagedChunk]:
    """Read number, rows and position of staged chunks from their footers.

    Raises:
        LakeError: for an object that is no chunk.
    """
    texts = read_state_texts(source.connection, urls)
    chunks = []
    for url in urls:
        try:
            chunk_state = decode_json(texts[url], ChunkState)
        except (ValueError, KeyError) as error:
            raise LakeError(f"{url} is not a chunk:", "remove it and run again.") from error
        chunks.append(StagedChunk(url=url, **asdict(chunk_state)))
    return chunks
