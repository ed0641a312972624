"""Both dagster.yaml of deploy/ are what Dagster reads, agree with one another and with the local one, and launch on ECS."""

import http.server
import json
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test
from dagster._serdes.config_class import class_from_code_pointer
from dagster_aws.ecs import EcsRunLauncher
from moto.ecs.models import EC2ContainerServiceBackend
from moto.server import ThreadedMotoServer

from refera_platform.orchestration.instance import DAGSTER_YAML
from refera_platform.settings.variables import ENVIRONMENT_VARIABLES
from refera_platform_tests.deploy import shape
from refera_platform_tests.deploy.postgres import Postgres
from refera_platform_tests.deploy.test_files import NOT_IN_PRODUCTION, variables_of

FILES = {"compose": shape.DEPLOY / "dagster.yaml", "ecs": shape.DEPLOY / "ecs" / "dagster.yaml"}
CONFIGURED = (
    "run_storage",
    "event_storage",
    "schedule_storage",
    "compute_logs",
    "run_launcher",
    "run_coordinator",
)
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/code:7"
OF_THE_CODE = {"REFERA_CLASSICMODELS_URL", "REFERA_HASH_KEY"}
"""Secrets of runs that the code location names (DAGSTER_CONTAINER_CONTEXT)."""


def told(name: str) -> dict[str, Any]:
    return yaml.safe_load(FILES[name].read_text())


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable that a file names, with some value."""
    for name in variables_of([told(each) for each in FILES]):
        monkeypatch.setenv(name, "5432" if name.endswith("PORT") else f"value-of-{name.lower()}")


def home(name: str, folder: Path) -> str:
    shutil.copy(FILES[name], folder / "dagster.yaml")
    return str(folder)


@pytest.mark.parametrize("name", FILES)
def test_dagster_accepts_every_part_of_the_file(name: str, tmp_path: Path, variables: None) -> None:
    reference = InstanceRef.from_dir(home(name, tmp_path))
    for part in CONFIGURED:
        data = getattr(reference, f"{part}_data")
        schema = resolve_to_config_type(class_from_code_pointer(data.module_name, data.class_name).config_type())
        found = process_config(schema, yaml.safe_load(data.config_yaml))
        assert found.success, (part, found.errors)
    assert reference.run_coordinator_data.class_name == "QueuedRunCoordinator"


@pytest.mark.parametrize("name", FILES)
def test_a_word_that_dagster_does_not_know_is_refused(name: str, tmp_path: Path, variables: None) -> None:
    folder = Path(home(name, tmp_path)) / "dagster.yaml"
    folder.write_text(folder.read_text().replace("start_timeout_seconds", "start_timeout_second"))
    with pytest.raises(dg.DagsterInvalidConfigError, match="start_timeout_second"):
        InstanceRef.from_dir(str(tmp_path))


def test_ecs_differs_in_where_runs_execute_and_in_nothing_else() -> None:
    here, there = told("compose"), told("ecs")
    assert here.pop("run_launcher") != there.pop("run_launcher")
    assert here["concurrency"]["runs"].pop("max_concurrent_runs") < there["concurrency"]["runs"].pop(
        "max_concurrent_runs"
    )
    assert here == there


def test_production_keeps_the_rules_of_the_local_instance() -> None:
    ours, local = told("compose"), yaml.safe_load(DAGSTER_YAML)
    assert ours["concurrency"]["pools"] == local["concurrency"]["pools"]
    assert ours["concurrency"]["runs"].items() >= local["concurrency"]["runs"].items()
    assert ours["run_monitoring"].items() >= local["run_monitoring"].items()
    assert ours["run_retries"]["enabled"] is local["run_retries"]["enabled"] is True
    assert (ours["telemetry"], ours["nux"]) == (local["telemetry"], local["nux"])


@pytest.mark.parametrize("name", FILES)
def test_a_file_names_variables_and_keeps_no_address(name: str) -> None:
    found = told(name)
    database = found["storage"]["postgres"]["postgres_db"]
    assert database.pop("scheme") == "postgresql+psycopg2"
    assert all(set(value) == {"env"} for value in database.values())
    assert not re.findall(r"amazonaws|\barn:aws|://|\d{12}", yaml.safe_dump(found))


def test_a_run_on_ecs_is_told_what_it_looks_up_and_every_setting() -> None:
    found = told("ecs")
    launcher = found["run_launcher"]["config"]
    given = {*launcher["env_vars"], *(secret["name"] for secret in launcher["secrets"]), *OF_THE_CODE}
    assert variables_of([found["storage"], found["compute_logs"]]) <= given
    # ECS is AWS: S3 is where boto3 knows it to be
    here = {"REFERA_S3_ENDPOINT", "REFERA_UI_URL"}
    # people are told by the code location: no run needs to know how
    here |= {name for name in ENVIRONMENT_VARIABLES if name.startswith("REFERA_ALERT_")}
    assert {name for name in given if name.startswith("REFERA_")} == (
        set(ENVIRONMENT_VARIABLES) - NOT_IN_PRODUCTION - here | {"REFERA_STAGE"}
    )
    secret = {name for name in given if name.endswith(("PASSWORD", "_URL", "KEY"))}
    assert secret == {each["name"] for each in launcher["secrets"]} | OF_THE_CODE


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An account with a cluster in which the daemon's task runs, and that task's own metadata, as ECS gives them to it."""
    # Fargate takes the memory of a task; moto 5.2 adds up that of containers, which may be absent
    nothing = {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}
    monkeypatch.setattr(
        EC2ContainerServiceBackend, "_calculate_task_resource_requirements", staticmethod(lambda _: nothing)
    )
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
    ecs.create_cluster(clusterName="refera")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    ecs.register_task_definition(
        family="daemon",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="512",
        memory="1024",
        containerDefinitions=[{"name": "daemon", "image": "dagster", "essential": True}],
    )
    task = ecs.run_task(
        cluster="refera",
        taskDefinition="daemon",
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}},
    )["tasks"][0]
    metadata = {"Cluster": "refera", "TaskARN": task["taskArn"], "Name": "daemon"}

    class Metadata(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(metadata).encode())

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    told_by = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=told_by.serve_forever, daemon=True).start()
    monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"http://127.0.0.1:{told_by.server_port}")
    yield subnet
    told_by.shutdown()
    told_by.server_close()
    server.stop()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


def of_the_run(instance: dg.DagsterInstance, secrets: Mapping[str, str]) -> dg.DagsterRun:
    """A queued run, as the daemon knows it: its code is in an image, and says which secrets it needs."""
    needed = {"ecs": {"secrets": [{"name": name, "valueFrom": arn} for name, arn in secrets.items()]}}
    code = RepositoryPythonOrigin(
        "python", ModuleCodePointer("refera_platform.definitions", "defs", None), IMAGE, [], needed
    )
    place = GrpcServerCodeLocationOrigin(host="code", port=4000, location_name="refera_platform")
    return create_run_for_test(
        instance,
        job_name="daily",
        tags={"dagster/partition": "2026-03-10", "refera/other": "x"},
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(place, "__repository__"), "daily"),
        job_code_origin=JobPythonOrigin("daily", code),
    )


def test_a_run_is_a_task_with_the_code_s_image_its_secrets_and_the_daemon_s_network(
    aws: str, postgres: Postgres, tmp_path: Path, variables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = {
        "HOST": "127.0.0.1",
        "PORT": postgres.port,
        "USER": postgres.user,
        "PASSWORD": postgres.password,
        "DB": postgres.database,
    }
    for name, value in reached.items():
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", str(value))
    secret = boto3.client("secretsmanager").create_secret(Name="source", SecretString="hush")["ARN"]
    for name in told("ecs")["run_launcher"]["config"]["env_vars"]:
        monkeypatch.setenv(name, reached_or(name, reached))
    with dg.DagsterInstance.from_config(home("ecs", tmp_path)) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, EcsRunLauncher)
        run = of_the_run(instance, dict.fromkeys(OF_THE_CODE, secret))
        launcher.launch_run(LaunchRunContext(run, None))
        tags = instance.get_run_by_id(run.run_id).tags
        assert launcher.check_run_worker_health(instance.get_run_by_id(run.run_id)).status is WorkerStatus.RUNNING

    ecs = boto3.client("ecs")
    task = ecs.describe_tasks(cluster="refera", tasks=[tags["ecs/task_arn"]], include=["TAGS"])["tasks"][0]
    made = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    (container,) = made["containerDefinitions"]
    assert made["family"].startswith("refera")
    assert (container["name"], container["image"]) == ("run", IMAGE)
    handed_over = {one["name"]: one["valueFrom"] for one in container["secrets"]}
    assert set(handed_over) == {"DAGSTER_POSTGRES_PASSWORD"} | OF_THE_CODE
    assert {handed_over[name] for name in OF_THE_CODE} == {secret}
    assert "hush" not in json.dumps(made, default=str)
    assert postgres.password not in json.dumps([made, task], default=str)
    told_it = {one["name"]: one["value"] for one in container["environment"]}
    assert told_it["REFERA_LAKE"] == "s3://bucket/refera_lake"
    assert (made["cpu"], made["memory"], made["ephemeralStorage"]) == ("2048", "8192", {"sizeInGiB": 50})
    assert container["logConfiguration"]["options"]["awslogs-group"] == "value-of-refera_ecs_log_group"
    assert task["launchType"] == "FARGATE"
    assert aws in json.dumps(task["attachments"])
    labels = {one["key"]: one["value"] for one in task["tags"]}
    assert labels["dagster/run_id"] == run.run_id
    assert labels["dagster/partition"] == "2026-03-10"
    assert "refera/other" not in labels
    # ECS takes 8,192 characters of overrides, the whole instance among them
    assert len(json.dumps(task["overrides"])) < 8192


def reached_or(name: str, reached: Mapping[str, Any]) -> str:
    """What a variable of the daemon's task is: PostgreSQL's where it is that, and something of its own otherwise."""
    found = reached.get(name.removeprefix("DAGSTER_POSTGRES_"))
    return str(found) if found is not None else f"s3://bucket/{name.lower()}" if "PGSSL" not in name else "prefer"
