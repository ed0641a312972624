"""Production as deploy/ starts it, on a real PostgreSQL: runs, a backfill, and what is left after everything was killed."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from refera_platform.aws import s3_client
from refera_platform.orchestration.partitions import PARTITION_TAG
from refera_platform.orchestration.run_history.retry_candidates import ROOT_TAG
from refera_platform.orchestration.run_history.run_process import PROCESS_TAG
from refera_platform.sandbox import stack
from refera_platform.sandbox.stack_file import StackAddress
from refera_platform.settings.stage import Stage
from refera_platform_tests.business import TODAY, Shop
from refera_platform_tests.deploy import shape
from refera_platform_tests.deploy.postgres import Postgres
from refera_platform_tests.deploy.processes import Services
from refera_platform_tests.local_stack import captured, evening, own_stage, root
from refera_platform_tests.ui import FINISHED

BACKFILLS = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { id status numPartitions } } } }"
LOGS = """
query ($run: ID!) {
  logsForRun(runId: $run) { ... on EventConnection { events { ... on LogsCapturedEvent { fileKey } } } }
}"""
PRINTED = "query ($key: [String!]!) { capturedLogs(logKey: $key) { stdout stderr } }"
SCHEDULES = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  schedules { name scheduleState { id status } }
} } } }"""
FAILURE = """
query ($run: ID!) {
  logsForRun(runId: $run) { ... on EventConnection { events { ... on RunFailureEvent { message } } } }
}"""
DAYS = [f"{TODAY - timedelta(days=back)}" for back in (2, 1, 0)]


@dataclass
class Production:
    """Everything that runs, and the hand that asks it."""

    services: Services
    postgres: Postgres
    stage: Stage

    def launch(self, table: str, day: str) -> str:
        """Press *Materialize* for a raw table; the name of the run."""
        return self.services.ui.launch([f"raw/classicmodels/{table}"], {PARTITION_TAG: day})

    def runs(self) -> dict[str, dict[str, Any]]:
        return {run["runId"]: run for run in self.services.ui.runs()}

    def backfills(self) -> dict[str, tuple[str, int]]:
        found = self.services.ui.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
        return {one["id"]: (one["status"], one["numPartitions"]) for one in found}

    def of_backfill(self, backfill: str) -> list[str]:
        """The runs that a backfill made."""
        return [run for run, told in self.runs().items() if told["tags"].get("dagster/backfill") == backfill]

    def retries(self, first: str) -> list[str]:
        """The runs that were made of one that failed."""
        return [run for run, told in self.runs().items() if told["tags"].get(ROOT_TAG) == first]

    def succeeds(self, run: str) -> None:
        self.services.wait(lambda: self.runs()[run]["status"] in FINISHED, f"the end of run {run}")
        assert self.runs()[run]["status"] == "SUCCESS", self.services.ui.ask(FAILURE, {"run": run})

    def schedules(self) -> dict[str, dict[str, str]]:
        nodes = self.services.ui.ask(SCHEDULES)["repositoriesOrError"].get("nodes", [])
        return {one["name"]: one["scheduleState"] for node in nodes for one in node["schedules"]}

    def printed(self, run: str) -> str:
        """What the steps of a run printed, as its page shows it."""
        events = self.services.ui.ask(LOGS, {"run": run})["logsForRun"]["events"]
        (key,) = {event["fileKey"] for event in events if event.get("fileKey")}
        return self.services.ui.ask(PRINTED, {"key": [run, "compute_logs", key]})["capturedLogs"]["stderr"] or ""


SECRET = "arn-of-a-secret"


def variables(address: StackAddress, postgres: Postgres, stage: Stage) -> dict[str, str]:
    """The example file, filled in for the servers of this test."""
    source, store = address.mariadb, address.s3
    url = f"mysql://{source.reader.user}:{source.reader.password}@{source.host}:{source.port}/{source.database}"
    bucket, prefix = stage.lake.removeprefix("s3://").removesuffix("/raw").split("/")
    return {
        **shape.example(),
        "DAGSTER_POSTGRES_HOST": "127.0.0.1",
        "DAGSTER_POSTGRES_PORT": str(postgres.port),
        "DAGSTER_POSTGRES_USER": postgres.user,
        "DAGSTER_POSTGRES_PASSWORD": postgres.password,
        "DAGSTER_POSTGRES_DB": postgres.database,
        "DAGSTER_LOGS_BUCKET": bucket,
        "DAGSTER_LOGS_PREFIX": f"{prefix}/logs",
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        "AWS_ENDPOINT_URL_S3": store.endpoint,
        "REFERA_S3_ENDPOINT": store.endpoint,
        "REFERA_CLASSICMODELS_URL": url,
        "REFERA_LAKE": stage.lake,
        "REFERA_WAREHOUSE": stage.warehouse,
        "REFERA_NOW": evening(TODAY).isoformat(),
        "REFERA_FIRST_DAY": DAYS[0],
        "DAGSTER_CONTAINER_CONTEXT": json.dumps(
            {"ecs": {"secrets": [{"name": "REFERA_HASH_KEY", "valueFrom": SECRET}]}}
        ),
    }


def stored_logs(stage: Stage) -> set[str]:
    """The runs of which something printed is in the bucket."""
    bucket, prefix = stage.lake.removeprefix("s3://").removesuffix("/raw").split("/")
    stored = s3_client(stage.store).list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/logs/")["Contents"]
    return {each["Key"].split("/storage/")[1].split("/")[0] for each in stored}


@pytest.fixture
def production(home: Path, shop: Shop, tmp_path: Path) -> Iterator[Production]:
    """Code location and webserver, up, over a fresh PostgreSQL, on the small business of this session's stack."""
    postgres, stage = Postgres(), own_stage(home)
    address = stack.stack_status(home).address
    assert address is not None
    services = Services(tmp_path, variables(address, postgres, stage))
    opened = Production(services, postgres, stage)
    try:
        services.start("code")  # alone at first, as compose starts it: it makes the tables
        services.wait(lambda: services.is_healthy("code"), "a healthy code location")
        services.start("webserver")
        services.wait(opened.schedules, "the code location in the webserver")
        yield opened
    finally:
        services.end()
        postgres.remove()


@pytest.mark.timeout(600)  # a minute on two idle cores; three beside other tests
def test_nothing_is_lost_when_everything_is_killed(production: Production, home: Path, shop: Shop) -> None:
    services = production.services
    images = {name: services.files(name) for name in ("code", "webserver", "daemon")}
    assert "refera/refera_platform.egg-info/PKG-INFO" in images["code"], "the version of the code"
    captured(production.stage, "payments", TODAY - timedelta(days=3))

    # a run and a backfill, before there is a daemon, and a schedule that somebody turns off
    first, filling = (
        production.launch("productlines", DAYS[-1]),
        services.ui.backfill(["raw/classicmodels/payments"], DAYS),
    )
    hourly = production.schedules()["look_for_overdue_days_hourly"]["id"]
    services.ui.ask(f"mutation {{ stopRunningSchedule(id: {json.dumps(hourly)}) {{ __typename }} }}")
    services.start("daemon")
    production.succeeds(first)
    filled = services.wait(lambda: production.of_backfill(filling), "the backfill's run")
    production.succeeds(filled[0])
    assert "raw_classicmodels" in production.printed(first)

    # one run is in the middle of its table, another one waits in the queue, and everything ends
    with root(home) as owner, owner.cursor() as cursor:
        cursor.execute("lock tables orders write")
        cut = production.launch("orders", DAYS[-1])
        services.wait(lambda: PROCESS_TAG in production.runs()[cut]["tags"], "a run that waits for its table")
        services.stop("daemon")
        queued = production.launch("products", DAYS[-1])
        assert production.runs()[queued]["status"] == "QUEUED"
        services.kill("code")
        services.kill("webserver")
    production.postgres.stop()

    # as after a reboot: everything at once, in no order
    production.postgres.start()
    services.start("webserver", "daemon", "code")
    services.wait(production.schedules, "the code location in the webserver")
    runs = production.runs()
    assert [runs[name]["status"] for name in (first, filled[0], cut)] == ["SUCCESS", "SUCCESS", "FAILURE"]
    states = {name: state["status"] for name, state in production.schedules().items()}
    assert states == {"close_yesterday": "RUNNING", "look_for_overdue_days_hourly": "STOPPED"}
    assert "raw_classicmodels" in production.printed(first), "from S3: the folder of the webserver is a new one"
    production.succeeds(queued)
    again = services.wait(lambda: production.retries(cut), "the run that was cut off, once more")
    production.succeeds(again[0])
    services.wait(lambda: production.backfills()[filling][0] != "REQUESTED", "the backfill's end")
    assert production.backfills()[filling] == ("COMPLETED_SUCCESS", 3)
    assert production.of_backfill(filling) == filled, "several days are one run, one pass over the log"
    assert production.postgres.ask("select count(*) from runs where status = 'SUCCESS'") == [(4,)]
    without = f"select count(*) from runs where run_body not like '%{SECRET}%'"
    assert production.postgres.ask(without) == [(0,)], "on ECS a run gets the secrets that its code names"
    assert services.is_healthy("daemon")
    with urllib.request.urlopen(f"http://127.0.0.1:{services.web}/server_info", timeout=10) as answer:
        assert answer.status == 200
    assert stored_logs(production.stage) >= {first, filled[0], queued, again[0]}
    assert {name: services.files(name) for name in images} == images, "a root that is read-only would do as well"
