"""A small Dagster location like ours, of which every part can be made to fail, and what its channels receive."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg

from refera_platform.alerts.send import configured_channels
from refera_platform.clock import Clock
from refera_platform.errors import SourceError, UnavailableDayError
from refera_platform.ingest.result import IngestFailure
from refera_platform.orchestration import instance as memory
from refera_platform.orchestration.alerts import AlertsCursor, build_alerts_sensor, evaluate_and_notify
from refera_platform.orchestration.checks.hourly import NEWEST_DAY_CHECK
from refera_platform.orchestration.executor import QUIET_RUN_CONFIG
from refera_platform.orchestration.keys import raw_table_key as raw_key
from refera_platform.orchestration.run_history.table_failures import failure_for_tables
from refera_platform.settings.object_store import ObjectStore
from refera_platform.settings.stage import Stage
from refera_platform_tests.checkout import declared_tables

DAYS = dg.DailyPartitionsDefinition(start_date="2026-03-01", end_date="2026-03-20")
DOWN = "The source classicmodels does not answer at db:3306: see whether it runs."
NOWHERE = Stage(
    name="test",
    home=Path(),
    databases={},
    store=ObjectStore(),
    lake="s3://b/raw",
    warehouse="s3://b/warehouse",
    clock=Clock(),
    first_day=date(2026, 3, 1),
)


@dataclass
class World:
    """What goes wrong in a small house like ours, and what is heard of it."""

    stage: Stage
    refused: dict = field(default_factory=dict)
    """Why each table cannot be captured."""
    by_rule: bool = False
    """Whether that is because the day is not to be had."""
    down: bool = False
    model: str = ""
    """Why the model cannot be built; its check is red then."""
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    agrees: bool = True
    overdue: frozenset = frozenset()
    in_the_middle: object = None
    raised: Exception | None = None
    """What the model raises."""
    cursor: str = ""
    skipped: str = ""

    def __post_init__(self):
        self.repository = house(self).get_repository_def()
        self.history = memory.open_instance(self.stage)

    def restart(self):
        """Another process opens the same history."""
        self.history.dispose()
        self.history = memory.open_instance(self.stage)

    def run(self, day="2026-03-10", job="daily", **options):
        """A run of a job in this process, as headless runs are."""
        if job == "daily":
            options["partition_key"] = day
        return self.repository.get_job(job).execute_in_process(
            instance=self.history, raise_on_error=False, run_config=QUIET_RUN_CONFIG, **options
        )

    def look(self):
        """One evaluation of the sensor, with nothing but the cursor of the one before."""
        context = dg.build_sensor_context(
            instance=self.history,
            cursor=self.cursor or None,
            repository_def=self.repository,
            resources={"stage": self.stage},
        )
        data = self.repository.get_sensor_def("alerts").evaluate_tick(context)
        self.cursor, self.skipped = data.cursor, data.skip_message

    def look_in(self, later):
        """The same at another time."""
        out = configured_channels(self.stage.alerts, self.stage.name)
        now = datetime.now(UTC) + later
        after, troubles = evaluate_and_notify(
            self.history, self.repository, out, AlertsCursor.from_json(self.cursor), now
        )
        self.cursor = after.to_json()
        return troubles


def house(world):
    """Eight partitioned tables of one step, a model with a check below, and the freshness check."""

    @dg.multi_asset(
        name="raw_classicmodels",
        partitions_def=DAYS,
        can_subset=True,
        specs=[dg.AssetSpec(raw_key(table), skippable=True) for table in declared_tables()],
        check_specs=[dg.AssetCheckSpec("rows_agree", asset=raw_key(declared_tables()[0]), description="Rows agree.")],
    )
    def raw():
        if world.down:
            raise dg.Failure(DOWN, allow_retries=False)
        for table in declared_tables():
            if table.name not in world.refused:
                found = dg.AssetCheckResult(
                    check_name="rows_agree",
                    asset_key=raw_key(table),
                    passed=world.agrees,
                    severity=world.severity,
                )
                yield dg.MaterializeResult(
                    asset_key=raw_key(table), check_results=[found] if table is declared_tables()[0] else []
                )
        if world.in_the_middle:
            world.in_the_middle()
        if world.refused:
            raise failure_for_tables(
                [
                    IngestFailure(
                        table=table,
                        error=(UnavailableDayError if world.by_rule else SourceError)(
                            world.refused[table.name].format(table.address)
                        ),
                    )
                    for table in declared_tables()
                    if table.name in world.refused
                ]
            )

    @dg.asset(
        key=["warehouse", "fct_orders"],
        deps=[raw_key(table) for table in declared_tables()],
        check_specs=[dg.AssetCheckSpec("adds_up", asset=["warehouse", "fct_orders"])],
    )
    def model():
        if world.raised:
            raise world.raised
        if world.model:
            yield dg.AssetCheckResult(check_name="adds_up", passed=False, description="Got 3 results.")
            if world.in_the_middle:
                world.in_the_middle()
            raise dg.Failure(world.model, allow_retries=False)
        yield dg.AssetCheckResult(check_name="adds_up", passed=True)
        yield dg.MaterializeResult()

    @dg.multi_asset_check(
        name="freshness",
        specs=[dg.AssetCheckSpec(NEWEST_DAY_CHECK, asset=raw_key(table)) for table in declared_tables()],
    )
    def freshness():
        for table in declared_tables():
            yield dg.AssetCheckResult(
                check_name=NEWEST_DAY_CHECK,
                asset_key=raw_key(table),
                passed=table.name not in world.overdue,
                metadata={"due": "2026-03-09"},
                description=f"{table.address}: day 2026-03-09 was due, and no day has been captured.",
            )

    everything = dg.AssetSelection.assets(raw, model)
    return dg.Definitions(
        assets=[raw, model],
        asset_checks=[freshness],
        sensors=[build_alerts_sensor()],
        resources={"stage": dg.ResourceDefinition.hardcoded_resource(world.stage)},
        jobs=[
            dg.define_asset_job(
                "daily", everything - dg.AssetSelection.checks(freshness), executor_def=dg.in_process_executor
            ),
            dg.define_asset_job("hourly", dg.AssetSelection.checks(freshness), executor_def=dg.in_process_executor),
        ],
    )
