"""One asset for each raw table, read in one pass over its database.

A table that cannot be captured is red by itself: the others of the pass are committed all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import dagster as dg
import duckdb

from refera_platform.disk import explained
from refera_platform.duckdb_session.scratch import scratch
from refera_platform.errors import DayRefused, ReferaError, UnavailableDayError
from refera_platform.ingest.result import Captured, Refused
from refera_platform.lake.days import require_in_calendar
from refera_platform.lake.isolation import frames_of, isolated
from refera_platform.orchestration import keys
from refera_platform.orchestration.checks import ingest
from refera_platform.orchestration.metadata.labels import of_table, version_of
from refera_platform.orchestration.metadata.raw_table import DayMetadata
from refera_platform.orchestration.partitions import days_of
from refera_platform.orchestration.run_history.failed_steps import AGAIN, FOR_ALERTS, REASONS, failure
from refera_platform.orchestration.runners import opened
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable

RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
AFRESH = "refera/resnapshot"
"""Tag of a run whose tables get a new baseline: their rows as they are now, and the deletes that this implies."""
FRESH_WITHIN = timedelta(hours=36)


def build_raw_assets(
    database: str,
    tables: Sequence[SourceTable],
    partitions: dg.PartitionsDefinition[str],
    kind: str = "mysql",
) -> dg.AssetsDefinition:
    """The raw assets of one database.

    Args:
        database: Our name of the database.
        tables: Its tables, in the order in which they are read.
        partitions: The calendar.
        kind: What the database is: ``mysql`` or ``mariadb``.
    """
    pool = f"source_{database}"

    @dg.multi_asset(
        name=f"raw_{database}",
        specs=[_spec(table, kind) for table in tables],
        check_specs=[check for table in tables for check in ingest.specs(table)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=pool,
        retry_policy=RETRIES,
    )
    def raw(context: dg.AssetExecutionContext, stage: dg.ResourceParam[Stage]) -> Iterator[dg.MaterializeResult[None]]:
        wanted = [table for table in tables if keys.raw(table) in context.selected_asset_keys]
        refused = list[Refused]()
        afresh = {table.name for table in wanted} if AFRESH in context.run.tags else set()
        try:
            # asked before Dagster, whose own words for a partition that it does not know name no next step
            require_in_calendar(days_of(context.run.tags), stage.clock, stage.first_day)
            days = [date.fromisoformat(partition) for partition in context.partition_keys]
            with (
                explained(stage.scratch),
                scratch(stage) as folder,
                opened(stage, database, folder, context, pool) as reading,
            ):
                for came in reading.capture(wanted, days, afresh):
                    told = _told(context, came, stage, reading.connection)
                    if isinstance(told, Refused):
                        context.log.error(f"{told.table.address}: {told.trouble}")
                        if frames := frames_of(told.trouble):
                            context.log.debug(frames)
                        refused.append(told)
                    else:
                        yield told
        except UnavailableDayError as trouble:
            raise failure_of([Refused(table=table, trouble=trouble) for table in wanted]) from None
        except ReferaError as trouble:
            raise failure(trouble) from None
        if refused:
            raise failure_of(refused)

    return raw


def _spec(table: SourceTable, kind: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=keys.raw(table),
        group_name="lake",
        description=table.about,
        code_version=version_of(table),
        skippable=True,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESH_WITHIN),
        metadata={"strategy": table.strategy.value, "key": ", ".join(table.key)},
        **of_table(table, kind),
    )


def _told(
    context: dg.AssetExecutionContext,
    came: Captured | Refused,
    stage: Stage,
    connection: duckdb.DuckDBPyConnection,
) -> dg.MaterializeResult[None] | Refused:
    """What Dagster is told of one table; one that cannot be told of is refused, and the others are."""
    if isinstance(came, Refused):
        return came
    try:
        with isolated(came.table):
            return _result(context, came, DayMetadata(stage, connection, came))
    except ReferaError as trouble:
        return Refused(table=came.table, trouble=trouble)


def _result(context: dg.AssetExecutionContext, captured: Captured, told: DayMetadata) -> dg.MaterializeResult[None]:
    """Events of one captured table; what is true of one day only is told of that day only."""
    key = keys.raw(captured.table)
    filled = [each.day for each in captured.filled]
    for day in dict.fromkeys([*captured.unseen, *captured.kept, *filled]):
        if str(day) in context.partition_keys:
            context.add_asset_metadata(told.of(day), asset_key=key, partition_key=str(day))
        elif (
            day in filled or day in captured.unseen
        ):  # the day before is completed on the way, and those after may settle what was left open
            context.log_event(dg.AssetMaterialization(key, partition=str(day), metadata=told.of(day)))
    changes = ", ".join(f"{count} {op}" for op, count in captured.added.items()) or "no change"
    context.log.info(f"{captured.table.address} day {captured.day}: {changes}, {captured.seconds:.2f} s")
    return dg.MaterializeResult(
        asset_key=key,
        check_results=ingest.results(captured, shows_values=told.shows_values),
    )


def failure_of(refused: Sequence[Refused]) -> dg.Failure:
    """One sentence for all tables that failed for one reason; only what may pass by itself is tried again."""
    reasons: dict[str, list[tuple[SourceTable, str]]] = {}
    final = set[str]()
    for one in refused:
        said = str(one.trouble)
        shared = _unnamed(said, one.table)
        reasons.setdefault(shared, []).append((one.table, said))
        final |= {shared} if isinstance(one.trouble, UnavailableDayError) else set()
    said = " | ".join(
        found[0][1] if len(found) == 1 else f"{', '.join(table.name for table, _ in found)}: {shared}"
        for shared, found in reasons.items()
    )
    public = {one.table: one.trouble.for_alerts for one in refused}
    struck = [
        {
            "cause": found[0][1] if len(found) == 1 else shared,
            FOR_ALERTS: _for_alerts(public, [table for table, _ in found]),
            "assets": [keys.raw(table).to_user_string() for table, _ in found],
            "is_final": shared in final,
        }
        for shared, found in reasons.items()
    ]
    # the rule that refuses a day refuses it again; what else can be mended is tried again when it was
    again = any(not isinstance(one.trouble, DayRefused) for one in refused)
    return dg.Failure(
        said,
        metadata={REASONS: struck, AGAIN: again},
        allow_retries=any(one.trouble.passing for one in refused),
    )


def _for_alerts(public: Mapping[SourceTable, str], tables: Sequence[SourceTable]) -> str:
    """What alerts say of tables that failed for one reason."""
    said = public[tables[0]]
    return said if len(tables) == 1 else _unnamed(said, tables[0])


def _unnamed(said: str, table: SourceTable) -> str:
    return said.replace(f"Table {table.address}", "the table").replace(table.address, "the table")
