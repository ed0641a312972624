"""Everything that must hold before a day can be captured, looked at in the order in which a run meets it.

Stage + declared tables ──▶ examined() ──▶ findings as they are made, and the GRANT statements of each database
                                └─▶ examine() ──▶ Diagnosis, all of them
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from refera_platform.doctor.store import examine_clock, examine_room, examine_store, store_clock
from refera_platform.duckdb_session.scratch import scratch
from refera_platform.errors import LakeError, ReferaError
from refera_platform.lake.lake import Lake
from refera_platform.settings.stage import Stage
from refera_platform.source.cascades import cascades, reference_grants
from refera_platform.source.connection import Source, connect
from refera_platform.source.doctor.address import examine_server, steps_to
from refera_platform.source.doctor.binlog import examine_log, examine_names, examine_parents
from refera_platform.source.doctor.finding import Finding, Verdict, failed, ok, warn
from refera_platform.source.doctor.privileges import account_of, beyond, grants, held, needed
from refera_platform.source.doctor.tables import examine_tables, largest_table
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.server import release
from refera_platform.source.table import SourceTable, Strategy


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What an examination found."""

    findings: Sequence[Finding]
    grants: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Statements that give an account what it needs and nothing else, by database."""

    @property
    def is_well(self) -> bool:
        """Whether nothing failed; what is merely less than it should be is no failure."""
        return all(finding.verdict is not Verdict.FAIL for finding in self.findings)

    @classmethod
    def of(cls, found: Iterable["Finding | Grants"]) -> "Diagnosis":
        """All that was found, once it was."""
        findings, statements = list[Finding](), dict[str, Sequence[str]]()
        for each in found:
            if isinstance(each, Grants):
                statements[each.database] = each.statements
            else:
                findings.append(each)
        return cls(findings=findings, grants=statements)


@dataclass(frozen=True, kw_only=True)
class Grants:
    """Statements that give the account of a database what it needs and nothing else."""

    database: str
    statements: Sequence[str]


LAKE, WAREHOUSE = "lake", "warehouse"


def examine(stage: Stage, tables: Sequence[SourceTable], roots: Collection[str] = (LAKE, WAREHOUSE)) -> Diagnosis:
    """Look at everything, and say it when all of it was looked at; otherwise as ``examined``."""
    return Diagnosis.of(examined(stage, tables, roots))


def examined(
    stage: Stage, tables: Sequence[SourceTable], roots: Collection[str] = (LAKE, WAREHOUSE)
) -> Iterator[Finding | Grants]:
    """Look at everything; what cannot be looked at because of something else is left out.

    A server that does not answer is waited for once, for five seconds.

    Args:
        stage: Where.
        tables: What is captured; without any, no database is looked at.
        roots: Which of the two roots are looked at: who only extracts may not even see the warehouse.
    """
    wanted = {name: root for name, root in ((LAKE, stage.lake), (WAREHOUSE, stage.warehouse)) if name in roots}
    with scratch(stage) as folder:
        store_is_well, lake_answers = True, False
        for found in _stores(stage, wanted, folder):
            is_well = found.verdict is Verdict.OK
            store_is_well &= is_well
            lake_answers |= is_well and found.about.startswith(f"{LAKE}: ")
            yield found
        # a store that did not answer is not asked again
        if lake_answers and (theirs := store_clock(stage.lake, stage.store)):
            yield examine_clock(LAKE, theirs, datetime.now(UTC))
        biggest = ("", 0)
        for database in dict.fromkeys(table.database for table in tables):
            own = [table for table in tables if table.database == database]
            way = Verdict.OK
            for found in steps_to(stage.databases[database], database):
                way = found.verdict
                yield found
            if way is Verdict.FAIL:
                continue
            try:
                with connect(stage, database, folder) as source:
                    biggest = max(biggest, largest_table(source, own), key=lambda found: found[1])
                    yield from _database(stage, source, database, own, store_is_well)
            except ReferaError as trouble:
                yield failed(f"{database}: session", trouble)
        if tables:
            yield from examine_room(stage.scratch, *biggest)


def _stores(stage: Stage, roots: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    """Look at all roots at the same time: of a store that does not answer, each would be waited for."""

    def look(name: str) -> list[Finding]:
        own = folder / name
        own.mkdir()
        return examine_store(roots[name], stage.store, name, own)

    if roots:
        with ThreadPoolExecutor(len(roots)) as pool:
            for found in pool.map(look, roots):
                yield from found


def _database(
    stage: Stage, source: Source, name: str, tables: Sequence[SourceTable], lake_can_be_read: bool
) -> Iterator[Finding | Grants]:
    logged = [table for table in tables if table.strategy is Strategy.LOG]
    if logged:
        yield examine_names(name, source.server.log_settings())
    yield from examine_server(source, name)
    theirs = source.ask("select utc_timestamp(6)")[0][0]
    yield examine_clock(name, theirs.replace(tzinfo=UTC), datetime.now(UTC))
    yield from examine_tables(source, tables, stage.hash_key)
    privileges = held(grants(source.ask, source.server.kind))
    if logged:
        place, since = None, None
        try:
            if lake_can_be_read:
                place, since = oldest_needed(stage, source, logged)
        except LakeError as trouble:
            yield failed(f"{name}: captured days", trouble)
        yield from examine_log(source, name, privileges, place, since)
    account, schema = account_of(source.ask), source.database.name
    watched = cascades(source.ask, schema, {table.name for table in logged})
    yield from examine_parents(source, name, watched)
    more = beyond(privileges, tables, schema, watched.ancestors)
    if more:
        yield warn(
            f"{name}: privileges",
            f"{source.database.user} may do more than it needs: {', '.join(str(each) for each in more)}.",
            f"revoke it: the statements below are all that {name} needs.",
        )
    else:
        yield ok(f"{name}: privileges", f"{source.database.user} may do what it needs, and nothing else.")
    statements = needed(tables, schema, source.server.kind, release(source.ask), account)
    declared = {(schema, table.name) for table in tables}
    statements += reference_grants({*watched.ancestors, *watched.unseen} - declared, account)
    yield Grants(database=name, statements=statements)


def oldest_needed(
    stage: Stage, source: Source, tables: Sequence[SourceTable]
) -> tuple[Position | None, datetime | None]:
    """The place in the log from which the lake goes on, and an instant at which it was still being written.

    Raises:
        LakeError: when the lake cannot be read, or an object does not say where it ends.
    """
    places = places_needed(stage, source, tables).values()
    return min(places, key=lambda found: found[0].order, default=(None, None))


def places_needed(stage: Stage, source: Source, tables: Sequence[SourceTable]) -> dict[str, tuple[Position, datetime]]:
    """The same for each table by its address; without those that were never read from the log.

    Raises:
        LakeError: when the lake cannot be read, or an object does not say where it ends.
    """
    lake, found = Lake(stage), dict[str, tuple[Position, datetime]]()
    for table in tables:
        states = [item.state for item in lake.days(table, source.connection).values() if item.state.is_observed]
        if states and states[-1].strategy == Strategy.LOG.value:
            place = Position.parse(states[-1].resume_position or states[-1].end_position)
            midnight = datetime.combine(states[-1].day, datetime.min.time(), ZoneInfo(stage.clock.time_zone))
            found[table.address] = place, midnight.astimezone(UTC)
    return found
