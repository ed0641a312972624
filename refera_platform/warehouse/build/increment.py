"""Whether a build may go on from what is published, and which months it then writes anew.

Published + Inputs ──reason_against()──▶ why everything is built, or ""
Published + changes ──months_touched()──▶ column -> months     (a model shares its months with those of its column)
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from decimal import Decimal

import duckdb

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.errors import WarehouseError
from refera_platform.lake.lake import RawObject, run
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.source.catalog import TABLES
from refera_platform.source.collation import fold_of
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.warehouse.build.collations import collation_of
from refera_platform.warehouse.build.inputs import Days, Inputs
from refera_platform.warehouse.build.month_lookup import dated, found
from refera_platform.warehouse.dbt_project import Project
from refera_platform.warehouse.publish.publication import Published, relation

UNKNOWN = "unknown"
"""The month of what has no date."""
UNKNOWN_MEMBERS = "unknown_members"
"""Measure of a month that says how many of its rows named a member that nobody knew."""
UNDECIDED = "undecided"
"""Measure of a month that says of how many of its rows something is said that the days to come may change."""
Scope = Mapping[str, frozenset[str]]
"""Months that a build writes anew, by the column that models are stored by."""


def reason_against(project: Project, published: Published, inputs: Inputs) -> str:
    """Why everything must be built; empty when the changes since the publication before are enough."""
    if not published.complete_run:
        return "nothing was published as a whole yet"
    if published.logic != project.logic():
        return "the models changed"
    missing = {name for name, model in project.models.items() if model.is_kept} - {
        *published.models,
        *published.state,
    }
    if missing:
        return f"{', '.join(sorted(missing))} was never published"
    # the answers add up what the marts of the same run say
    alone = [
        name
        for name, model in published.models.items()
        if project.models[name].folder == "marts" and model.run_id != published.complete_run
    ]
    if alone:
        return f"{', '.join(sorted(alone))} was built alone since"
    for table in TABLES:
        if reason := _reason_of(table, inputs):
            return f"{table.address}: {reason}"
        for model in project.models.values():
            if table.name in model.rebuilt_on and inputs.rows_new(table):
                return f"{table.address} changed, of which {model.name} tells all its history"
    return ""


def _reason_of(table: SourceTable, inputs: Inputs) -> str:
    known, days, new = inputs.known.get(table, {}), inputs.days[table], inputs.new(table)
    if table.strategy is Strategy.SNAPSHOT:
        return "a snapshot does not say what changed"
    if not known:
        return "it was not read before"
    if reason := _compared_anew(known, days):
        return reason
    for day, was in known.items():
        now = days.get(day)
        if now is None:
            return f"its day {day} is gone from the lake"
        if day in new and not _extends(was, now, is_last=day == max(known)):
            return f"its day {day} was captured anew"
    for day, item in new.items():
        if day not in known and day < max(known):
            return f"its day {day} came after later days"
        before = known[day].state if day in known else None
        taken = (item.state.is_whole, item.state.baseline)
        if item.state.is_whole and (before is None or (before.is_whole, before.baseline) != taken):
            return f"day {day} has a new baseline"
    return ""


def _compared_anew(known: Days, days: Days) -> str:
    """Why texts that were one may be two now, or the other way round: what is published was grouped as they were."""
    was, now = ([item.state for item in of.values() if item.state.is_observed][-1:] for of in (known, days))
    if not was or not now:
        return ""
    for column in was[0].columns.keys() & now[0].columns.keys():
        before, after = collation_of(was[0], column), collation_of(now[0], column)
        if fold_of(before) != fold_of(after):
            return f"its column {column} is compared by {after} now, and was by {before}"
    return ""


def _extends(was: RawObject, now: RawObject, *, is_last: bool) -> bool:
    """Whether an object has all rows that it had, and more behind them."""
    grown = all(now.state.rows.get(op, 0) >= count for op, count in was.state.rows.items())
    same = bool(was.state.origin) and now.state.origin == was.state.origin
    return is_last and grown and same


def months_touched(
    project: Project, published: Published, inputs: Inputs, connection: duckdb.DuckDBPyConnection, copies: LocalCopies
) -> Scope:
    """The months whose rows, or the versions that they point at, the new raw objects may have changed.

    Always among them: the month ``unknown``, those from the day before the first new one on (of a table without any,
    from its newest one), those in which a row looked for a member in vain (a version begins with a change, so no
    other month can point at a new one), and those of whose rows something is said that changes as days go by.

    Args:
        project: Which models are stored by month, and how a changed row's months are found.
        published: What the changes are applied to.
        inputs: What is new.
        connection: Session in which the new raw rows are registered.
        copies: Local copies of the warehouse's objects.
    """
    first = min(min(inputs.new(table), default=max(inputs.days[table])) for table in TABLES)
    since = str(first - timedelta(days=1))[:7]
    tables = {**published.models, **published.state}
    captured_in = {str(day)[:7] for table in TABLES for day in inputs.new(table)}
    scope: dict[str, set[str]] = {}
    for name, model in project.models.items():
        if not model.months:
            continue
        months = scope.setdefault(model.months.by, {UNKNOWN})
        months |= captured_in
        months |= {
            month
            for month, item in tables[name].by_month.items()
            if month >= since or any(Decimal(item.totals.get(measure) or 0) for measure in (UNKNOWN_MEMBERS, UNDECIDED))
        }
    for name, model in project.models.items():
        if model.months and model.months.found_by:
            months = scope[model.months.by]
            months |= dated(model.months, connection)
            months |= found(name, model.months, tables[name], frozenset(months), inputs, connection, copies)
    return {by: frozenset(months) for by, months in scope.items()}


def serve(
    project: Project, published: Published, scope: Scope, connection: duckdb.DuckDBPyConnection, copies: LocalCopies
) -> None:
    """Give the build what is published: tables whole, or the months that it writes anew as they were."""
    run(connection, "create schema if not exists served")
    for name, model in {**published.models, **published.state}.items():
        months = scope.get(model.stored_by)
        run(
            connection,
            f"create or replace view served.{quoted(name)} as select * from {relation(copies, name, model, months)}",
        )
    run(
        connection,
        "create or replace table served.kept_totals"
        " (model varchar, month varchar, measure varchar, total decimal(38, 6))",
    )
    kept = [
        (name, month, measure, total)
        for name, model in published.models.items()
        if name in project.models
        for month, item in model.by_month.items()
        if model.stored_by and month not in scope.get(model.stored_by, frozenset())
        for measure, total in item.totals.items()
    ]
    if kept:
        columns = [list(values) for values in zip(*kept, strict=True)]
        connection.execute(
            "insert into served.kept_totals select unnest(?), unnest(?), unnest(?), cast(unnest(?) as decimal(38, 6))",
            columns,
        )


def serve_published(
    connection: duckdb.DuckDBPyConnection, copies: LocalCopies, published: Published, names: Collection[str]
) -> None:
    """Views of published tables that the build reads but does not build."""
    if missing := sorted(set(names) - set(published.models)):
        raise WarehouseError(
            f"{', '.join(missing)} is read by this build and not published yet:",
            "build everything once: `refera run`.",
        )
    for name in names:
        rows = relation(copies, name, published.models[name])
        run(connection, f"create view main.{quoted(name)} as select * from {rows}")
