"""Dagster assets of the raw tables: one multi-asset for each source database, read by one ingest run.

A table that fails does not stop the others: their days are committed and materialized. Reads and writes nothing
itself: ``runners`` does; ``checks.ingest`` and ``metadata.raw_table`` make check results and metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import dagster as dg
import duckdb

from refera_platform.disk import translate_disk_errors
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import DayRefused, ReferaError, UnavailableDayError
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.lake.days import require_in_calendar
from refera_platform.lake.fault_isolation import fault_traceback, isolated
from refera_platform.orchestration import keys
from refera_platform.orchestration.checks import ingest
from refera_platform.orchestration.metadata.labels import table_code_version, table_labels
from refera_platform.orchestration.metadata.raw_table import DayMetadata
from refera_platform.orchestration.partitions import partition_days
from refera_platform.orchestration.pipes import PipesStep
from refera_platform.orchestration.run_history.failed_steps import (
    FOR_ALERTS_KEY,
    MAY_SUCCEED_KEY,
    REASONS_KEY,
    dagster_failure,
)
from refera_platform.orchestration.run_request import RESNAPSHOT_TAG
from refera_platform.runners.ingest_runner import open_ingest_runner
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable

RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
FRESHNESS_WINDOW = timedelta(hours=36)


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
        partitions: The daily partitions.
        kind: Kind of its server: ``mysql`` or ``mariadb``.
    """
    pool = f"source_{database}"

    @dg.multi_asset(
        name=f"raw_{database}",
        specs=[_spec(table, kind) for table in tables],
        check_specs=[check for table in tables for check in ingest.ingest_check_specs(table)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=pool,
        retry_policy=RETRIES,
    )
    def raw(context: dg.AssetExecutionContext, stage: dg.ResourceParam[Stage]) -> Iterator[dg.MaterializeResult[None]]:
        selected_tables = [table for table in tables if keys.raw_table_key(table) in context.selected_asset_keys]
        ingest_failures = list[IngestFailure]()
        resnapshot_tables = {table.name for table in selected_tables} if RESNAPSHOT_TAG in context.run.tags else set()
        try:
            # checked before Dagster does: its error for an unknown partition names no next step
            require_in_calendar(partition_days(context.run.tags), stage.clock, stage.first_day)
            days = [date.fromisoformat(partition) for partition in context.partition_keys]
            with (
                translate_disk_errors(stage.scratch),
                scratch_folder(stage) as folder,
                open_ingest_runner(stage, database, folder, PipesStep(context, stage, pool)) as runner,
            ):
                for table_result in runner.ingest_days(selected_tables, days, resnapshot_tables):
                    outcome = _materialize(context, table_result, stage, runner.connection)
                    if isinstance(outcome, IngestFailure):
                        context.log.error(f"{outcome.table.address}: {outcome.error}")
                        if frames := fault_traceback(outcome.error):
                            context.log.debug(frames)
                        ingest_failures.append(outcome)
                    else:
                        yield outcome
        except UnavailableDayError as error:
            raise failure_for_tables([IngestFailure(table=table, error=error) for table in selected_tables]) from None
        except ReferaError as error:
            raise dagster_failure(error) from None
        if ingest_failures:
            raise failure_for_tables(ingest_failures)

    return raw


def _spec(table: SourceTable, kind: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=keys.raw_table_key(table),
        group_name="lake",
        description=table.about,
        code_version=table_code_version(table),
        skippable=True,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESHNESS_WINDOW),
        metadata={"strategy": table.strategy.value, "key": ", ".join(table.key)},
        **table_labels(table, kind),
    )


def _materialize(
    context: dg.AssetExecutionContext,
    result: IngestResult | IngestFailure,
    stage: Stage,
    connection: duckdb.DuckDBPyConnection,
) -> dg.MaterializeResult[None] | IngestFailure:
    """Materialization of one table; an ``IngestFailure`` when its metadata cannot be made, so that the others go on."""
    if isinstance(result, IngestFailure):
        return result
    try:
        with isolated(result.table):
            return _materialize_result(context, result, DayMetadata(stage, connection, result))
    except ReferaError as error:
        return IngestFailure(table=result.table, error=error)


def _materialize_result(
    context: dg.AssetExecutionContext, result: IngestResult, day_metadata: DayMetadata
) -> dg.MaterializeResult[None]:
    """Materialization of one ingested table; metadata of one day is attached to that day's partition only."""
    key = keys.raw_table_key(result.table)
    filled_days = [each.day for each in result.ingested_days]
    for day in dict.fromkeys([*result.unseen_days, *result.unchanged_days, *filled_days]):
        if str(day) in context.partition_keys:
            context.add_asset_metadata(day_metadata.for_day(day), asset_key=key, partition_key=str(day))
        elif (
            day in filled_days or day in result.unseen_days
        ):  # an ingest run also completes the day before, and may settle days after the requested ones
            context.log_event(dg.AssetMaterialization(key, partition=str(day), metadata=day_metadata.for_day(day)))
    changes = ", ".join(f"{count} {op}" for op, count in result.added.items()) or "no change"
    context.log.info(f"{result.table.address} day {result.day}: {changes}, {result.seconds:.2f} s")
    return dg.MaterializeResult(
        asset_key=key,
        check_results=ingest.ingest_check_results(result, shows_values=day_metadata.shows_values),
    )


def failure_for_tables(ingest_failures: Sequence[IngestFailure]) -> dg.Failure:
    """One failure for all tables, with one sentence for each cause; Dagster retries only transient errors."""
    reasons: dict[str, list[tuple[SourceTable, str]]] = {}
    final_causes = set[str]()
    for ingest_failure in ingest_failures:
        description = str(ingest_failure.error)
        shared = _without_table_name(description, ingest_failure.table)
        reasons.setdefault(shared, []).append((ingest_failure.table, description))
        final_causes |= {shared} if isinstance(ingest_failure.error, UnavailableDayError) else set()
    description = " | ".join(
        members[0][1] if len(members) == 1 else f"{', '.join(table.name for table, _ in members)}: {shared}"
        for shared, members in reasons.items()
    )
    alert_texts = {ingest_failure.table: ingest_failure.error.public_message for ingest_failure in ingest_failures}
    reason_metadata = [
        {
            "cause": members[0][1] if len(members) == 1 else shared,
            FOR_ALERTS_KEY: _alert_text(alert_texts, [table for table, _ in members]),
            "assets": [keys.raw_table_key(table).to_user_string() for table, _ in members],
            "is_final": shared in final_causes,
        }
        for shared, members in reasons.items()
    ]
    # DayRefused is a rule, so the same run fails again; any other error may be gone at the next attempt
    may_succeed = any(not isinstance(ingest_failure.error, DayRefused) for ingest_failure in ingest_failures)
    return dg.Failure(
        description,
        metadata={REASONS_KEY: reason_metadata, MAY_SUCCEED_KEY: may_succeed},
        allow_retries=any(ingest_failure.error.is_transient for ingest_failure in ingest_failures),
    )


def _alert_text(alert_texts: Mapping[SourceTable, str], tables: Sequence[SourceTable]) -> str:
    """Text for alerts about tables that failed for the same cause."""
    text = alert_texts[tables[0]]
    return text if len(tables) == 1 else _without_table_name(text, tables[0])


def _without_table_name(text: str, table: SourceTable) -> str:
    return text.replace(f"Table {table.address}", "the table").replace(table.address, "the table")
