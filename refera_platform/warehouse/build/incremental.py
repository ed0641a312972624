"""Planner of an incremental build: decides whether one is possible, and which months it rebuilds.

Reads and writes no model: dbt does. ``month_lookup`` finds the months of changed rows.

Publication + BuildInputs ──full_build_reason()──▶ why a full build is needed, or ""
Publication + BuildInputs ──affected_months()──▶ column -> months (models stored by the same column share them)
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import duckdb

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.errors import WarehouseError
from refera_platform.lake.lake import RawObject, observed_states, run_sql
from refera_platform.source.collation import collation_fold
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.warehouse.build.collations import collation_of
from refera_platform.warehouse.build.context import BuildContext
from refera_platform.warehouse.build.inputs import BuildInputs, RawObjectsByDay
from refera_platform.warehouse.build.month_lookup import months_of_changed_rows, months_of_previous_rows
from refera_platform.warehouse.dbt_project import PUBLISHED_SCHEMA
from refera_platform.warehouse.publish.manifest import published_relation

UNKNOWN_MONTH = "unknown"
"""Month of rows without a date."""
UNKNOWN_MEMBERS_MEASURE = "unknown_members"
"""Measure of a month: how many of its rows refer to a dimension member that did not exist."""
UNDECIDED_MEASURE = "undecided"
"""Measure of a month: how many of its rows have a value that later days may still change."""
RebuildScope = Mapping[str, frozenset[str]]
"""Months that a build rebuilds, by the column that models are stored by."""


def full_build_reason(context: BuildContext, inputs: BuildInputs) -> str:
    """Why a full build is needed; empty when the changes since the previous publication are enough."""
    project, published = context.project, context.previous
    if not published.complete_run:
        return "no complete publication exists yet"
    if published.logic != project.logic_hash():
        return "the models changed"
    missing = {name for name, model in project.models.items() if model.is_kept} - {
        *published.models,
        *published.state,
    }
    if missing:
        return f"{', '.join(sorted(missing))} was never published"
    # answers aggregate the marts, so all marts must be of the same run
    built_alone = [
        name
        for name, model in published.models.items()
        if project.models[name].folder == "marts" and model.run_id != published.complete_run
    ]
    if built_alone:
        return f"{', '.join(sorted(built_alone))} was built separately since the last complete run"
    for table in context.tables:
        if reason := _full_build_reason_of_table(table, inputs):
            return f"{table.address}: {reason}"
        for model in project.models.values():
            if table.name in model.rebuilt_on and inputs.new_row_count(table):
                return f"{table.address} changed, and {model.name} is rebuilt from all its days"
    return ""


def _full_build_reason_of_table(table: SourceTable, inputs: BuildInputs) -> str:
    previous_days, days, new = inputs.previous_days.get(table, {}), inputs.days[table], inputs.new_days(table)
    if table.strategy is Strategy.SNAPSHOT:
        return "a snapshot does not say what changed"
    if not previous_days:
        return "it was not read before"
    if reason := _changed_collation_reason(previous_days, days):
        return reason
    for day, previous in previous_days.items():
        current = days.get(day)
        if current is None:
            return f"its day {day} is missing from the lake"
        if day in new and not _is_extension(previous, current, is_last=day == max(previous_days)):
            return f"its day {day} was captured again"
    for day, item in new.items():
        if day not in previous_days and day < max(previous_days):
            return f"its day {day} arrived after later days"
        previous_state = previous_days[day].state if day in previous_days else None
        snapshot_identity = (item.state.is_whole, item.state.baseline)
        if item.state.is_whole and (
            previous_state is None or (previous_state.is_whole, previous_state.baseline) != snapshot_identity
        ):
            return f"day {day} has a new snapshot"
    return ""


def _changed_collation_reason(previous_days: RawObjectsByDay, days: RawObjectsByDay) -> str:
    """Why texts may compare differently than in the previous publication, which grouped by the old collation."""
    previous, current = (observed_states(of)[-1:] for of in (previous_days, days))
    if not previous or not current:
        return ""
    for column in previous[0].columns.keys() & current[0].columns.keys():
        previous_collation, current_collation = collation_of(previous[0], column), collation_of(current[0], column)
        if collation_fold(previous_collation) != collation_fold(current_collation):
            return f"its column {column} is compared by {current_collation} now, and by {previous_collation} before"
    return ""


def _is_extension(previous: RawObject, current: RawObject, *, is_last: bool) -> bool:
    """Whether an object has all rows that it had before, and perhaps more at its end."""
    has_all_rows = all(current.state.rows.get(op, 0) >= count for op, count in previous.state.rows.items())
    is_same_origin = bool(previous.state.origin) and current.state.origin == previous.state.origin
    return is_last and has_all_rows and is_same_origin


def affected_months(context: BuildContext, inputs: BuildInputs, connection: duckdb.DuckDBPyConnection) -> RebuildScope:
    """The months whose rows, or the dimension versions that they refer to, the new raw objects may have changed.

    Always included are:

    - the month ``unknown``;
    - the months from the day before the first new day on (of a table without new days: from its newest day);
    - months with rows that refer to a missing member. A version begins with a change, so no other month can refer to
      a new one;
    - months with rows that have a value which changes as days go by.

    Args:
        context: The build, with the previous publication that the changes are applied to.
        inputs: Raw objects of the build, with those that are new.
        connection: Session in which the new raw rows are registered.
    """
    first = min(min(inputs.new_days(table), default=max(inputs.days[table])) for table in context.tables)
    since = str(first - timedelta(days=1))[:7]
    models, tables = context.project.models, context.previous_tables
    months_of_new_days = {str(day)[:7] for table in context.tables for day in inputs.new_days(table)}
    scope: dict[str, set[str]] = {}
    for name, model in models.items():
        if not model.months:
            continue
        months = scope.setdefault(model.months.by, {UNKNOWN_MONTH})
        months |= months_of_new_days
        months |= {
            month
            for month, item in tables[name].by_month.items()
            if month >= since
            or any(Decimal(item.totals.get(measure) or 0) for measure in (UNKNOWN_MEMBERS_MEASURE, UNDECIDED_MEASURE))
        }
    for model in models.values():
        if model.months and model.months.found_by:
            months = scope[model.months.by]
            months |= months_of_changed_rows(context, model.months, connection)
            months |= months_of_previous_rows(context, model, frozenset(months), inputs, connection)
    return {by: frozenset(months) for by, months in scope.items()}


def create_previous_publication_views(
    context: BuildContext, scope: RebuildScope, connection: duckdb.DuckDBPyConnection
) -> None:
    """Create views on the previous publication: whole tables, or of tables stored by month the months to rebuild."""
    run_sql(connection, f"create schema if not exists {PUBLISHED_SCHEMA}")
    copies = context.copies
    for name, model in context.previous_tables.items():
        months = scope.get(model.stored_by)
        run_sql(
            connection,
            f"create or replace view {PUBLISHED_SCHEMA}.{quoted(name)} as select * from"
            f" {published_relation(copies, name, model, months)}",
        )
    run_sql(
        connection,
        f"create or replace table {PUBLISHED_SCHEMA}.kept_totals"
        " (model varchar, month varchar, measure varchar, total decimal(38, 6))",
    )
    kept_totals = [
        (name, month, measure, total)
        for name, model in context.previous.models.items()
        if name in context.project.models
        for month, item in model.by_month.items()
        if model.stored_by and month not in scope.get(model.stored_by, frozenset())
        for measure, total in item.totals.items()
    ]
    if kept_totals:
        columns = [list(values) for values in zip(*kept_totals, strict=True)]
        connection.execute(
            f"insert into {PUBLISHED_SCHEMA}.kept_totals"
            " select unnest(?), unnest(?), unnest(?), cast(unnest(?) as decimal(38, 6))",
            columns,
        )


def create_published_model_views(context: BuildContext, connection: duckdb.DuckDBPyConnection) -> None:
    """Create views on published tables that the build reads but does not build.

    Raises:
        WarehouseError: naming the tables that are not published.
    """
    names, published, copies = (
        context.project.models_to_read(context.models_to_build),
        context.previous.models,
        context.copies,
    )
    if missing := sorted(set(names) - set(published)):
        raise WarehouseError(
            f"{', '.join(missing)} is read by this build and not published yet:",
            "build everything once: `refera run`.",
        )
    for name in names:
        rows = published_relation(copies, name, published[name])
        run_sql(connection, f"create view main.{quoted(name)} as select * from {rows}")
