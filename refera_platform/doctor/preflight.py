"""Preflight: checks what must hold before a day can be ingested, in the order in which a run needs it.

Stage + declared tables ──▶ examine_stage() ──▶ findings one by one, and the GRANT statements of each database
                                └─▶ diagnose() ──▶ Diagnosis, all of them

Checks of a source are in ``source.doctor``, those of the object store in ``store``.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

from refera_platform.doctor.store import examine_clock, examine_free_disk, examine_store, store_clock
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import LakeError, ReferaError
from refera_platform.lake.lake import Lake, observed_states
from refera_platform.settings.stage import Stage
from refera_platform.source.cascades import find_cascades, reference_grants
from refera_platform.source.connection import Source, open_source
from refera_platform.source.doctor.binlog import examine_binlog, examine_column_names, examine_parents
from refera_platform.source.doctor.connectivity import examine_address, examine_server
from refera_platform.source.doctor.finding import Finding, Verdict, error_finding, ok_finding, warning_finding
from refera_platform.source.doctor.privileges import (
    account_of,
    excess_privileges,
    parse_grants,
    required_grants,
    show_grants,
)
from refera_platform.source.doctor.tables import examine_tables, largest_table
from refera_platform.source.mysql.server import server_version
from refera_platform.source.position import Position
from refera_platform.source.table import SourceTable, Strategy


class Diagnosis(Struct, frozen=True, kw_only=True):
    """All findings of one preflight."""

    findings: Sequence[Finding]
    grants: Mapping[str, Sequence[str]]
    """GRANT statements that give the account exactly what it needs, by database."""

    @property
    def is_healthy(self) -> bool:
        """Whether no check failed; warnings are no failure."""
        return all(finding.verdict is not Verdict.FAIL for finding in self.findings)

    @classmethod
    def from_findings(cls, items: Iterable["Finding | Grants"]) -> "Diagnosis":
        """Collect findings and grants."""
        findings, statements = list[Finding](), dict[str, Sequence[str]]()
        for each in items:
            if isinstance(each, Grants):
                statements[each.database] = each.statements
            else:
                findings.append(each)
        return cls(findings=findings, grants=statements)


@dataclass(frozen=True, kw_only=True)
class Grants:
    """GRANT statements that give the account of a database exactly what it needs."""

    database: str
    statements: Sequence[str]


LAKE_ROOT, WAREHOUSE_ROOT = "lake", "warehouse"


def diagnose(
    stage: Stage, tables: Sequence[SourceTable], roots: Collection[str] = (LAKE_ROOT, WAREHOUSE_ROOT)
) -> Diagnosis:
    """Run all checks of ``examine_stage``, and return the findings together."""
    return Diagnosis.from_findings(examine_stage(stage, tables, roots))


def examine_stage(
    stage: Stage, tables: Sequence[SourceTable], roots: Collection[str] = (LAKE_ROOT, WAREHOUSE_ROOT)
) -> Iterator[Finding | Grants]:
    """Run all checks; those that need something that failed before are left out.

    A server that does not answer is waited for once, for five seconds.

    Args:
        stage: The stage.
        tables: Declared tables; without any, no database is checked.
        roots: Which of the two roots are checked: a process that only ingests may have no access to the warehouse.
    """
    requested_roots = {
        name: root for name, root in ((LAKE_ROOT, stage.lake), (WAREHOUSE_ROOT, stage.warehouse)) if name in roots
    }
    with scratch_folder(stage) as folder:
        is_store_ok, is_lake_readable = True, False
        for finding in _examine_stores(stage, requested_roots, folder):
            is_ok = finding.verdict is Verdict.OK
            is_store_ok &= is_ok
            is_lake_readable |= is_ok and finding.about.startswith(f"{LAKE_ROOT}: ")
            yield finding
        # a store that did not answer is not asked again
        if is_lake_readable and (store_time := store_clock(stage.lake, stage.store)):
            yield examine_clock(LAKE_ROOT, store_time, datetime.now(UTC))
        largest = ("", 0)
        for database in dict.fromkeys(table.database for table in tables):
            own = [table for table in tables if table.database == database]
            verdict = Verdict.OK
            for finding in examine_address(stage.databases[database], database):
                verdict = finding.verdict
                yield finding
            if verdict is Verdict.FAIL:
                continue
            try:
                with open_source(stage, database, folder) as source:
                    largest = max(largest, largest_table(source, own), key=lambda table_and_size: table_and_size[1])
                    yield from _examine_database(stage, source, database, own, is_store_ok)
            except ReferaError as error:
                yield error_finding(f"{database}: session", error)
        if tables:
            yield from examine_free_disk(stage.scratch, *largest)


def _examine_stores(stage: Stage, roots: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    """Check all roots at the same time: a store that does not answer is waited for once."""

    def examine_root(name: str) -> list[Finding]:
        own = folder / name
        own.mkdir()
        return examine_store(roots[name], stage.store, name, own)

    if roots:
        with ThreadPoolExecutor(len(roots)) as pool:
            for findings in pool.map(examine_root, roots):
                yield from findings


def _examine_database(
    stage: Stage, source: Source, name: str, tables: Sequence[SourceTable], is_lake_readable: bool
) -> Iterator[Finding | Grants]:
    logged = [table for table in tables if table.strategy is Strategy.LOG]
    if logged:
        yield examine_column_names(name, source.server.binlog_settings())
    yield from examine_server(source, name)
    server_time = source.ask("select utc_timestamp(6)")[0][0]
    yield examine_clock(name, server_time.replace(tzinfo=UTC), datetime.now(UTC))
    yield from examine_tables(source, tables, stage.hash_key)
    privileges = parse_grants(show_grants(source.ask, source.server.kind))
    if logged:
        position, since = None, None
        try:
            if is_lake_readable:
                position, since = oldest_needed_position(stage, source, logged)
        except LakeError as error:
            yield error_finding(f"{name}: captured days", error)
        yield from examine_binlog(source, name, privileges, position, since)
    account, schema = account_of(source.ask), source.database.name
    referenced = find_cascades(source.ask, schema, {table.name for table in logged})
    yield from examine_parents(source, name, referenced)
    excess = excess_privileges(privileges, tables, schema, referenced.ancestors)
    if excess:
        yield warning_finding(
            f"{name}: privileges",
            f"{source.database.user} may do more than it needs: {', '.join(str(each) for each in excess)}.",
            f"revoke it: the statements below are all that {name} needs.",
        )
    else:
        yield ok_finding(f"{name}: privileges", f"{source.database.user} may do what it needs, and nothing else.")
    statements = required_grants(tables, schema, source.server.kind, server_version(source.ask), account)
    declared = {(schema, table.name) for table in tables}
    statements += reference_grants({*referenced.ancestors, *referenced.hidden_parents} - declared, account)
    yield Grants(database=name, statements=statements)


def oldest_needed_position(
    stage: Stage, source: Source, tables: Sequence[SourceTable]
) -> tuple[Position | None, datetime | None]:
    """The oldest binlog position that a table still needs, and an instant not after its binlog file was last written.

    Raises:
        LakeError: when the lake cannot be read, or an object has no end position.
    """
    positions = needed_positions(stage, source, tables).values()
    return min(positions, key=lambda position_and_instant: position_and_instant[0].order, default=(None, None))


def needed_positions(
    stage: Stage, source: Source, tables: Sequence[SourceTable]
) -> dict[str, tuple[Position, datetime]]:
    """The same for each table by its address; without tables that were not read from the binlog.

    Raises:
        LakeError: when the lake cannot be read, or an object has no end position.
    """
    lake, positions = Lake(stage), dict[str, tuple[Position, datetime]]()
    for table in tables:
        states = observed_states(lake.days(table, source.connection))
        if states and states[-1].strategy == Strategy.LOG.value:
            position = Position.parse(states[-1].resume_position or states[-1].end_position)
            midnight = datetime.combine(states[-1].day, datetime.min.time(), ZoneInfo(stage.clock.time_zone))
            positions[table.address] = position, midnight.astimezone(UTC)
    return positions
