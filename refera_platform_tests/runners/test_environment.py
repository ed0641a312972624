"""What a function is told by its variables and by Secrets Manager; a real HTTP endpoint answers for the latter."""

from collections.abc import Iterator

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from refera_platform.errors import SettingError
from refera_platform.runners.aws_lambda.environment import lambda_stage
from refera_platform.settings.secret_url import database_url_of_secret
from refera_platform.settings.stage import load_stage

VARIABLES = {
    "REFERA_LAKE": "s3://lake/raw",
    "REFERA_WAREHOUSE": "s3://warehouse/warehouse",
    "AWS_REGION": "eu-west-1",
}
FIELDS = '{"username": "reader", "password": "p@ss/s:w%rd", "host": "db.internal", "port": 3307, "dbname": "shop"}'


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("secretsmanager")
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10)
    server.stop()


def test_secrets_become_the_url_and_the_key(secrets) -> None:
    made = secrets.create_secret(Name="refera/source", SecretString=FIELDS)
    secrets.create_secret(Name="refera/key", SecretString="0123456789abcdef\n")
    told = {**VARIABLES, "REFERA_CLASSICMODELS_SECRET": made["ARN"], "REFERA_HASH_KEY_SECRET": "refera/key"}
    stage = lambda_stage(told, reads_source=True)
    source = stage.databases["classicmodels"]
    assert (source.user, source.password, source.host, source.port, source.name) == (
        "reader",
        "p@ss/s:w%rd",
        "db.internal",
        3307,
        "shop",
    )
    assert (source.ssl_mode, stage.hash_key, stage.store.region) == (
        "verify_identity",
        b"0123456789abcdef",
        "eu-west-1",
    )
    secrets.put_secret_value(SecretId="refera/source", SecretString='{"url": "mysql://other:hush@db/shop"}')
    assert lambda_stage(told, reads_source=True).databases["classicmodels"].password == "hush"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("hunter2", "neither a database URL nor a JSON object"),
        ("[]", "neither a database URL nor a JSON object"),
        ('{"username": "reader", "password": "hunter2"}', "has no host, dbname"),
    ],
)
def test_a_secret_that_is_no_address_is_refused_without_its_value(secrets, secret: str, said: str) -> None:
    secrets.create_secret(Name="refera/source", SecretString=secret)
    with pytest.raises(SettingError) as refused:
        lambda_stage({**VARIABLES, "REFERA_CLASSICMODELS_SECRET": "refera/source"}, reads_source=True)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_secret_that_is_not_there(secrets) -> None:
    with pytest.raises(SettingError, match="REFERA_CLASSICMODELS_SECRET names cannot be read"):
        lambda_stage({**VARIABLES, "REFERA_CLASSICMODELS_SECRET": "refera/none"}, reads_source=True)


def test_who_only_builds_is_told_no_secret() -> None:
    told = {**VARIABLES, "REFERA_CLASSICMODELS_SECRET": "never asked for"}
    assert lambda_stage(told, reads_source=False).databases == {}


def test_who_reads_needs_an_address() -> None:
    with pytest.raises(SettingError, match="needs REFERA_CLASSICMODELS_URL"):
        lambda_stage(VARIABLES, reads_source=True)


@pytest.mark.parametrize(("size", "limit"), [("512", "192MB"), ("128", "128MB"), ("3008", "2688MB"), ("", "1GB")])
def test_duckdb_gets_what_the_function_has_beside_python(size: str, limit: str) -> None:
    stage = lambda_stage({**VARIABLES, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": size}, reads_source=False)
    assert (stage.memory_limit, str(stage.home)) == (limit, "/tmp/refera")


def test_options_of_tls_in_the_fields() -> None:
    secret = FIELDS[:-1] + ', "ssl_mode": "verify_ca", "ssl_ca": "/opt/rds bundle.pem", "ssl_strict": "off"}'
    assert (
        database_url_of_secret("X", secret)
        == "mysql://reader:p%40ss%2Fs%3Aw%25rd@db.internal:3307/shop?ssl_mode=verify_ca&ssl_ca=%2Fopt%2Frds+bundle.pem&ssl_strict=off"
    )


def test_a_task_reads_a_secret_as_a_function_does() -> None:
    told = {**VARIABLES, "REFERA_STAGE": "production", "REFERA_HOME": "/tmp/refera"}
    plain = load_stage(
        {
            **told,
            "REFERA_CLASSICMODELS_URL": database_url_of_secret("X", FIELDS) + "\n",
            "REFERA_HASH_KEY": "k" * 32 + "\n",
        }
    )
    fields = load_stage({**told, "REFERA_CLASSICMODELS_URL": FIELDS, "REFERA_HASH_KEY": "k" * 32})
    assert fields.databases == plain.databases
    assert fields.databases["classicmodels"].password == "p@ss/s:w%rd"
    assert plain.hash_key == fields.hash_key == b"k" * 32
    with pytest.raises(SettingError, match="REFERA_CLASSICMODELS_URL has no password") as refused:
        load_stage({**told, "REFERA_CLASSICMODELS_URL": '{"username": "u", "host": "hush", "dbname": "d"}'})
    assert "hush" not in str(refused.value)
