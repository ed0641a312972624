"""Every awkward fact is in the sample, at any size and with any seed, and each query can miss it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from refera_platform.sandbox.business.history import create_sample
from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS
from refera_platform.sandbox.business.session import SampleAdmin, SampleSession
from refera_platform.sandbox.business.simulate import simulate_day
from refera_platform_tests.local_stack import root
from refera_platform_tests.sandbox.change_log import forget_changes, start_change_log
from refera_platform_tests.sandbox.sample_facts import FACTS, PLAIN_BUSINESS, PLAIN_DAY, Fact

OPENING = date(2026, 11, 20)
DAYS = 3


def facts_of(session: SampleSession, scopes: tuple[str, ...]) -> set[Fact]:
    """The facts that are in the database now."""
    return {fact for fact in FACTS if fact.scope in scopes and session.rows(fact.query)}


def facts_of_sample(admin: SampleAdmin, seed: int, scale: float) -> list[set[Fact]]:
    """Facts of a sample: those of its history, and those of each of its days."""
    list(create_sample(admin, seed=seed, scale=scale, opening=OPENING))
    with admin.session() as session:
        session.use(admin.database)
        facts = [facts_of(session, ("history",))]
        start_change_log(session)
        for number in range(DAYS):
            simulate_day(admin, OPENING + timedelta(days=number), seed)
            facts.append(facts_of(session, ("every day", "every third day")))
            forget_changes(session)
    return facts


@pytest.fixture(scope="module")
def own_home(server: Path, new_home: Callable[[], Path]) -> Callable[[], Path]:
    """Homes whose owner may create triggers."""
    with closing(root(server)) as connection, connection.cursor() as cursor:
        cursor.execute("set global log_bin_trust_function_creators = on")
    return new_home


@pytest.fixture(scope="module")
def samples(own_home: Callable[[], Path]) -> list[list[set[Fact]]]:
    return [
        facts_of_sample(SampleAdmin.from_home(own_home()), seed, scale)
        for seed, scale in ((1, 0.3), (7, 1), (2, 0.01), (3, 0.3), (99, 0.5), (12345, 2))
    ]


@pytest.fixture(scope="module")
def plain(own_home: Callable[[], Path]) -> Iterator[SampleSession]:
    """A business that has no fact, after a day that has none."""
    admin = SampleAdmin.from_home(own_home())
    with admin.session() as session:
        session.run(f"create database {admin.database}")
        session.use(admin.database)
        for table, body in TABLE_DEFINITIONS.items():
            session.run(f"create table {table} ({body})")
        for statement in PLAIN_BUSINESS.split(";"):
            session.run(statement)
        start_change_log(session)
        for statement in PLAIN_DAY.split(";"):
            assert session.run(statement)
        yield session


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: f"{fact.scope}: {fact.name}")
def test_every_sample_has(samples: list[list[set[Fact]]], plain: SampleSession, fact: Fact) -> None:
    for history, *days in samples:
        times = sum(fact in day for day in days)
        assert (fact in history, times) == {
            "history": (True, 0),
            "every day": (False, DAYS),
            "every third day": (False, 1),
        }[fact.scope]
    assert not plain.rows(fact.query), "the query finds the fact where it is not"
