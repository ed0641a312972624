"""One map a stage, told by the environment; what is missing or malformed is named, and never its secret."""

import json
from datetime import UTC, date, datetime

import pytest

from refera_platform.clock import Clock
from refera_platform.errors import SettingError
from refera_platform.settings.stage import PROJECT_FOLDER, load_stage

URL = "mysql://reader:p%40ss%2Fword@db.example.com:3307/shop"
PRODUCTION = {
    "REFERA_STAGE": "production",
    "REFERA_CLASSICMODELS_URL": URL,
    "REFERA_LAKE": "s3://corp/raw/",
    "REFERA_WAREHOUSE": "s3://corp/warehouse",
}


def test_production_is_told_every_address():
    stage = load_stage(PRODUCTION)
    database = stage.databases["classicmodels"]
    assert (database.host, database.port, database.user, database.password, database.name) == (
        "db.example.com",
        3307,
        "reader",
        "p@ss/word",
        "shop",
    )
    assert (stage.lake, stage.warehouse, stage.store.endpoint) == ("s3://corp/raw", "s3://corp/warehouse", "")
    assert stage.first_day == date(2026, 1, 1)
    assert stage.glue_database == ""
    assert load_stage({**PRODUCTION, "REFERA_GLUE_DATABASE": "refera"}).glue_database == "refera"


def test_the_project_is_that_of_the_checkout_unless_another_is_named(tmp_path):
    assert load_stage(PRODUCTION).project_folder == PROJECT_FOLDER
    assert load_stage({**PRODUCTION, "REFERA_PROJECT": f"{tmp_path}/x/../shop"}).project_folder == tmp_path / "shop"


def test_tls_is_on_for_a_remote_server_unless_it_is_typed_off():
    def mode(url):
        return load_stage({**PRODUCTION, "REFERA_CLASSICMODELS_URL": url}).databases["classicmodels"].ssl_mode

    assert mode(URL) == "verify_identity"
    assert mode(f"{URL}?ssl_mode=disabled") == "disabled"
    assert mode("mysql://u:p@127.0.0.1/shop") == "disabled"


def test_certificates_are_read_strictly_unless_that_is_typed_off():
    def strict(url):
        return load_stage({**PRODUCTION, "REFERA_CLASSICMODELS_URL": url}).databases["classicmodels"].ssl_strict

    assert (strict(URL), strict(f"{URL}?ssl_strict=off")) == (True, False)
    with pytest.raises(SettingError, match="ssl_strict is on or off"):
        strict(f"{URL}?ssl_strict=no")


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("https://minio.corp:9000/", "https://minio.corp:9000"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://minio.corp:9000?tls=off", "http://minio.corp:9000"),
    ],
)
def test_the_address_of_another_s3_is_taken_with_tls_or_where_it_is_typed_off(written, endpoint):
    assert load_stage({**PRODUCTION, "REFERA_S3_ENDPOINT": written}).store.endpoint == endpoint


def test_a_stage_never_shows_its_secrets():
    stage = load_stage(PRODUCTION)
    assert "p@ss" not in repr(stage)
    assert "p%40ss" not in repr(stage)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"REFERA_STAGE": "prod"},
            r"REFERA_STAGE='prod' is not a stage: choose one of local, test, production",
            id="stage",
        ),
        pytest.param({"REFERA_LAKE": ""}, r"needs REFERA_LAKE: set them", id="missing"),
        pytest.param(
            {"REFERA_LAKE": "/data/raw"},
            r"REFERA_LAKE='/data/raw' is not an S3 root: write it as s3://",
            id="no S3",
        ),
        pytest.param({"REFERA_LAKE": "s3://"}, r"is not an S3 root", id="no bucket"),
        pytest.param({"REFERA_GLUE_DATABASE": "Refera-1"}, r"'Refera-1' is not a name that Athena", id="Glue"),
        pytest.param({"REFERA_WAREHOUSE": "s3://corp/raw/x"}, r"lie inside one another", id="nested"),
        pytest.param(
            {"REFERA_CLASSICMODELS_URL": "postgres://u:hush@h/d"},
            r"CLASSICMODELS_URL is not a database URL",
            id="scheme",
        ),
        pytest.param({"REFERA_CLASSICMODELS_URL": "mysql://u:hush@h:99999/d"}, r"is not a database URL", id="port"),
        pytest.param({"REFERA_CLASSICMODELS_URL": "mysql://u:hush@h/"}, r"is not a database URL", id="no schema"),
        pytest.param({"REFERA_CLASSICMODELS_URL": f"{URL}?sslmode=off"}, r"option that is not known", id="option"),
        pytest.param({"REFERA_TIME_ZONE": "Mars/Base"}, r"'Mars/Base' is not an IANA time zone", id="zone"),
        pytest.param({"REFERA_NOW": "2026-01-01T00:00:00"}, r"is not an instant: write one like", id="no offset"),
        pytest.param({"REFERA_NOW": "soon"}, r"is not an instant", id="no time"),
        pytest.param({"REFERA_MEMORY_LIMIT": "lots"}, r"'lots' is not a size: write one like 1GB", id="memory"),
        pytest.param(
            {"REFERA_S3_ENDPOINT": "localhost:1234"},
            r"is not an address: write it as https://host:port",
            id="endpoint",
        ),
        pytest.param(
            {"REFERA_S3_ENDPOINT": "http://minio.corp:9000"},
            r"without TLS: write https://, or http://minio.corp:9000\?tls=off if that is meant",
            id="endpoint without TLS",
        ),
        pytest.param(
            {"REFERA_S3_ENDPOINT": "https://me:hush@minio.corp"},
            r"S3_ENDPOINT holds a user or a password: write only https://host:port",
            id="endpoint with a password",
        ),
        pytest.param({"REFERA_S3_ENDPOINT": "https://minio.corp:99999"}, r"is not an address", id="endpoint's port"),
        pytest.param({"REFERA_FIRST_DAY": "01/02/2026"}, r"is not a day: write one like", id="day"),
    ],
)
def test_what_is_wrong_is_named_with_what_was_expected(changes, said):
    with pytest.raises(SettingError, match=said) as error:
        load_stage({**PRODUCTION, **changes})
    assert "hush" not in str(error.value)
    assert "p%40ss" not in str(error.value)


def test_a_local_stack_that_was_never_started_says_how_to(tmp_path):
    with pytest.raises(SettingError, match=r"No local stack has been started in .*: start it with `refera up`"):
        load_stage({"REFERA_HOME": str(tmp_path)})


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"mariadb": 1}'])
def test_a_damaged_stack_file_says_what_to_do(tmp_path, content):
    (tmp_path / "stack.json").write_text(content)
    with pytest.raises(SettingError, match=r"stack\.json .*remove it and run `refera up`"):
        load_stage({"REFERA_HOME": str(tmp_path)})


def test_the_clock_never_lags_the_simulated_business(tmp_path, home):
    content = json.loads((home / "stack.json").read_text())
    (tmp_path / "stack.json").write_text(json.dumps(content))
    (tmp_path / "sample.json").write_text('{"seed": 1, "scale": 1.0, "simulated_through": "2999-12-30T23:59:59+00:00"}')
    stage = load_stage({"REFERA_HOME": str(tmp_path)})
    assert stage.clock.newest_full_day() == date(2999, 12, 30)


@pytest.mark.parametrize(
    ("zone", "now", "today", "newest"),
    [
        pytest.param(
            "UTC",
            datetime(2026, 3, 10, 0, 30, tzinfo=UTC),
            date(2026, 3, 10),
            date(2026, 3, 9),
            id="half past midnight",
        ),
        pytest.param(
            "UTC",
            datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC),
            date(2026, 3, 10),
            date(2026, 3, 10),
            id="last second",
        ),
        pytest.param(
            "America/Sao_Paulo",
            datetime(2026, 3, 10, 1, tzinfo=UTC),
            date(2026, 3, 9),
            date(2026, 3, 8),
            id="west",
        ),
        pytest.param(
            "Pacific/Auckland",
            datetime(2026, 3, 10, 12, tzinfo=UTC),
            date(2026, 3, 11),
            date(2026, 3, 10),
            id="east",
        ),
    ],
)
def test_a_day_is_one_of_the_stage_s_time_zone(zone, now, today, newest):
    clock = Clock(time_zone=zone, fixed=now)
    assert (clock.today(), clock.newest_full_day()) == (today, newest)
