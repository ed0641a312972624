"""A source that cannot be reached or refuses says so in one sentence, and never says a password."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from refera_platform.errors import SourceError
from refera_platform.source.connection import connect
from refera_platform_tests.conftest import source_of

SECRET = "s3cret'\"\\;-- drop"


@contextmanager
def opened(stage, tmp_path, **changes):
    database = replace(stage.databases["classicmodels"], **changes)
    with connect(replace(stage, databases={"classicmodels": database}), "classicmodels", tmp_path) as source:
        yield source


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"password": SECRET}, r"as refera_reader could not be read: .*Access denied.*GRANT|granted", id="password"),
        pytest.param({"port": 1}, r"127.0.0.1:1 as refera_reader could not be read:.*check that the server runs", id="no server"),
        pytest.param({"name": "nowhere"}, r"(Access denied|Unknown database)", id="no such schema"),
        pytest.param({"ssl_mode": "required"}, r"(SSL|TLS).*ssl_ca=PATH", id="a server without TLS"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_address_is_said_without_the_password(stage, shop, tmp_path, changes, said):
    with pytest.raises(SourceError, match=said) as trouble, opened(stage, tmp_path, **changes):
        pass
    secret = changes.get("password", stage.databases["classicmodels"].password)
    assert secret not in str(trouble.value)
    assert trouble.value.__cause__ is None


def test_a_database_that_the_stage_does_not_know_is_named(stage, tmp_path):
    with (
        pytest.raises(SourceError, match="Stage test has no address of database billing"),
        connect(stage, "billing", tmp_path),
    ):
        pass


def test_the_session_only_reads(stage, shop):
    with source_of(stage) as source, pytest.raises(SourceError, match=r"(?i)read.only|denied"):
        source.execute("delete from source_database.classicmodels.payments")
    assert shop.ask("select count(*) from payments") == [(3,)]


def test_a_session_runs_in_utc(stage, shop):
    with source_of(stage) as source:
        assert source.ask("select cast(@@session.time_zone as char)") == [("+00:00",)]
