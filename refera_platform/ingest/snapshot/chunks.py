"""Pieces of a large table on their way to its baseline: kept beside the lake, each read by a call of its own.

    plan (bounds of keys, a place in the log) ──▶ a file for each piece ──▶ all there? ──▶ assembly ──▶ baseline

What is there is never read again, so a piece that failed is taken again alone. Nothing here is seen by readers.

    <lake>/_staging/<database>/<table>/plan.json
    <lake>/_staging/<database>/<table>/<plan>/piece-00007.parquet
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.duckdb_session.quoting import literal
from refera_platform.errors import LakeError, SourceError
from refera_platform.json_fields import parsed_object, require_types
from refera_platform.lake import layout
from refera_platform.lake.lake import Lake, read_states, run
from refera_platform.lake.object_state import METADATA_KEY
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.source.connection import Source
from refera_platform.source.hashing import hashed
from refera_platform.source.key_ranges import Bound, bounds, can_be_split, condition, row_bytes
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.snapshot import pull
from refera_platform.source.table import SourceTable
from refera_platform.source.types import Column

PIECE = re.compile(r"piece-(\d{5})\.parquet")
MOST_PIECES = 10_000


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What one piece may have at most."""

    rows: int
    bytes: int
    """As the server guesses a table's bytes."""

    def rows_each(self, bytes_of_a_row: int) -> int:
        """Rows of a piece of a table."""
        return max(min(self.rows, self.bytes // bytes_of_a_row), 1)


@dataclass(frozen=True, kw_only=True)
class PiecePlan:
    """How a table is read in pieces."""

    id: str
    server: str
    schema: str
    position: str
    """Place in the log before the first piece was read: from there on the log says what the pieces missed."""
    columns: Mapping[str, str]
    """Parquet type of each column."""
    bounds: Sequence[Bound]
    declared: str
    """How the table was declared: pieces of two declarations may not be mixed (``declaration``)."""
    most_rows: int
    """Rows that a piece could have at most when it was made: the stage's setting, not what the table's rows allowed."""

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return len(self.bounds) + 1

    @property
    def start(self) -> Position:
        """Where the log is read from."""
        return Position.parse(self.position)

    def is_of(self, source: Source, table: SourceTable, columns: Sequence[Column]) -> bool:
        """Whether it was made for the table as it is now, and as it is declared now."""
        identity = source.identity()
        now = (identity.server, identity.schema, list(kinds_of(columns).items()), declaration(source, table))
        return (self.server, self.schema, list(self.columns.items()), self.declared) == now


@dataclass(frozen=True, kw_only=True)
class InPieces:
    """A table too large for one call: its pieces are read first, then it is captured again."""

    table: SourceTable
    plan: str
    """Name of the plan."""
    missing: tuple[int, ...]
    """Numbers of the pieces that are not there yet."""
    count: int
    """How many pieces there are."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One piece as it is kept."""

    number: int
    rows: int
    position: str
    """Place in the log at which it was read."""
    url: str


class Staging:
    """The pieces of one table."""

    def __init__(self, lake: Lake, table: SourceTable) -> None:
        self._objects: ObjectRoot = lake.objects
        self._table = table
        self._folder = f"{layout.STAGING}{layout.folder(table)}"
        self._plan_key = f"{self._folder}plan.json"

    def plan(self) -> PiecePlan | None:
        """The plan that was made last."""
        found = self._objects.read(self._plan_key)
        if found is None:
            return None
        try:
            content = parsed_object(json.loads(found[0]))
            plan = PiecePlan(**{**content, "bounds": [tuple(bound) for bound in content["bounds"]]})
            require_types(plan)
            return plan
        except (ValueError, KeyError, TypeError) as trouble:
            raise LakeError(
                f"{self._objects.url(self._plan_key)} is no plan of pieces:",
                "remove the object and run again.",
            ) from trouble

    def begin(self, plan: PiecePlan) -> None:
        """Make a plan the one that counts; pieces of earlier ones are removed."""
        self._objects.write(self._plan_key, json.dumps(asdict(plan)).encode())
        for item in list(self._objects.list(self._folder)):
            if item.key != self._plan_key and not item.key.startswith(self._pieces(plan)):
                self._objects.remove(item.key)

    def pieces(self, plan: PiecePlan) -> dict[int, StoredObject]:
        """The pieces that are there, by number."""
        prefix = self._pieces(plan)
        found = ((PIECE.fullmatch(item.key.removeprefix(prefix)), item) for item in self._objects.list(prefix))
        return {int(match[1]): item for match, item in found if match}

    def key(self, plan: PiecePlan, number: int) -> str:
        """Where a piece is kept."""
        return f"{self._pieces(plan)}piece-{number:05d}.parquet"

    def discard(self, plan: PiecePlan) -> None:
        """Remove a plan, then its pieces: pieces without a plan mean nothing. Those of another plan stay."""
        there = self.plan()
        if there is not None and there.id == plan.id:
            self._objects.remove(self._plan_key)
        for item in list(self._objects.list(self._pieces(plan))):
            self._objects.remove(item.key)

    def _pieces(self, plan: PiecePlan) -> str:
        return f"{self._folder}{plan.id}/"


def plan_pieces(
    source: Source, table: SourceTable, columns: Sequence[Column], start: Position, sizes: Sizes, rows_each: int
) -> PiecePlan:
    """Divide a table by its key.

    Args:
        source: A session inside of a snapshot.
        table: Which table.
        columns: Its columns.
        start: The place in the log that the snapshot shows.
        sizes: What a piece may have at most.
        rows_each: Rows of a piece of this table.

    Raises:
        SourceError: when its key cannot be divided.
    """
    if not can_be_split(table, columns):
        why = "hashed" if table.hashed & set(table.key) else "of a type that has no order that could be asked for"
        raise SourceError(
            f"Table {table.address} is too large for one call, and its key ({', '.join(table.key)}) cannot be divided,"
            f" being {why}:",
            "capture it where one process reads it whole (REFERA_RUNNER=local).",
        )
    found = bounds(source, table, columns, rows_each)
    if len(found) >= MOST_PIECES:
        raise SourceError(
            f"Table {table.address} would have more than {MOST_PIECES} pieces:", "raise REFERA_PIECE_ROWS."
        )
    identity = source.identity()
    return PiecePlan(
        id=uuid.uuid4().hex,
        server=identity.server,
        schema=identity.schema,
        position=str(start),
        columns=kinds_of(columns),
        bounds=found,
        declared=declaration(source, table),
        most_rows=sizes.rows,
    )


def kinds_of(columns: Sequence[Column]) -> dict[str, str]:
    """The Parquet type of each column."""
    return {column.name: column.parquet_type for column in columns}


def declaration(source: Source, table: SourceTable) -> str:
    """A digest of what decides how rows are read: the key, the columns that stay behind or are hashed, and by what."""
    keyed = hashed(source.hash_key, [b"pieces"]) if table.hashed else []
    said = [table.key, sorted(table.private), sorted(table.hashed), [str(each) for each in keyed]]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def rows_each(source: Source, table: SourceTable, sizes: Sizes, rows: int) -> int | None:
    """Rows of a piece of a table that is read in pieces; ``None`` for one that is small enough to be read whole."""
    each = sizes.rows_each(row_bytes(source, table))
    return each if rows > each + each // 2 else None


def stage_piece(
    lake: Lake, source: Source, table: SourceTable, plan_id: str, number: int, clock: Clock, folder: Path
) -> Piece:
    """Read one piece and keep it; one that is there already is left as it is.

    Args:
        lake: Where to.
        source: An open session of the table's database.
        table: Which table.
        plan_id: Name of the plan it belongs to.
        number: Which piece.
        clock: The present.
        folder: Local folder of this call alone.

    Raises:
        LakeError: when the plan is not the one that counts, or the piece cannot be kept.
        SourceError: when the table cannot be read, or is not the one of the plan any more.
    """
    staging = Staging(lake, table)
    plan = staging.plan()
    if plan is None or plan.id != plan_id or not 0 <= number < plan.count:
        raise LakeError(
            f"Piece {number} of plan {plan_id} of {table.address} is not wanted (any more):",
            "capture the table again, which makes a new plan.",
            passing=True,
        )
    if there := staging.pieces(plan).get(number):
        return read_pieces(source, [there.url])[0]
    with source.snapshot() as cut:
        if cut.position is None:
            raise LakeError("The server writes no log:", "set log_bin in its configuration.")
        columns = source.columns(table)
        if not plan.is_of(source, table, columns):
            staging.discard(plan)
            raise SourceError(
                f"Table {table.address} is not the one any more whose pieces are read:",
                "what was read of it is thrown away; run it again.",
                passing=True,
            )
        where = condition(table, columns, plan.bounds, number)
        read = pull(source, table, folder / "read.parquet", clock, where=where)
    told = {"piece": number, "rows": read.rows, "position": str(cut.position)}
    path = folder / "piece.parquet"
    run(
        source.connection,
        f"copy (select * from {read.relation}) to {literal(str(path))} (format parquet, compression zstd,"
        f" kv_metadata {{{METADATA_KEY}: {literal(json.dumps(told))}}})",
    )
    try:
        lake.objects.put(staging.key(plan, number), path, replaces=None)
    except LakeError:
        if number not in staging.pieces(plan):
            raise  # else another call has just done the same
    kept = staging.pieces(plan).get(number)
    if kept is None:
        raise LakeError(
            f"Piece {number} of {table.address} was kept and is gone again: another call has put the table together"
            " or begun anew.",
            "Capture the table again.",
            passing=True,
        )
    return read_pieces(source, [kept.url])[0]


def read_pieces(source: Source, urls: Sequence[str]) -> list[Piece]:
    """What pieces say of themselves."""
    texts = read_states(source.connection, urls)
    found = []
    for url in urls:
        try:
            told = parsed_object(json.loads(texts[url]))
            piece = Piece(number=told["piece"], rows=told["rows"], position=told["position"], url=url)
            require_types(piece)
        except (ValueError, KeyError, TypeError) as trouble:
            raise LakeError(f"{url} is no piece:", "remove it and run again.") from trouble
        found.append(piece)
    return found
