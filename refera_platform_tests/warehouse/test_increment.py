"""A build that goes on from the publication before gives, to the byte, what a build of everything gives."""

import time
import uuid
from dataclasses import replace
from datetime import date, timedelta

import pytest

from refera_platform.answers.session import open_query_session
from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform.warehouse.publish.manifest import Publication, read_publication
from refera_platform_tests.business import Shop
from refera_platform_tests.checkout import checkout_project, declared_tables
from refera_platform_tests.local_stack import captures, evening
from refera_platform_tests.warehouse.random_business import RandomBusiness

START = date(2026, 3, 29)
"""Day of the first capture; the business goes on on it, and a month turns soon."""


def published(stage: Stage) -> Publication:
    return read_publication(ObjectRoot(stage.warehouse, stage.store))


def content(found: Publication) -> dict[str, object]:
    """Hash, rows and totals of every object of every table, also of those that only the platform reads."""
    return {
        f"{name} {item.month}": (item.sha256, item.rows, dict(item.totals))
        for name, model in {**found.models, **found.state}.items()
        for item in model.objects
    }


def rebuilt(stage: Stage) -> Publication:
    """A warehouse of its own, built from the whole lake."""
    built = build_warehouse(replace(stage, warehouse=f"{stage.warehouse}-{uuid.uuid4().hex[:6]}"), declared_tables())
    assert built.published is not None, str(built.to_error())
    assert built.full_build_reason
    return built.published


def test_random_days_of_business_give_what_a_full_rebuild_gives(
    stage: Stage, shop: Shop, stress_seconds: int, request: pytest.FixtureRequest
) -> None:
    seed = time.time_ns() % 10_000 if stress_seconds else 7
    business = RandomBusiness(shop, seed)
    for number in range(901, 906):  # become late in these days, in a month that little else touches
        order = f"({number}, '2025-06-10', '2026-03-31', null, 'In Process', null, 10)"
        shop.run(f"insert into orders values {order}")
    stage = stage.at_instant(evening(START))
    captures(stage, declared_tables(), START)
    assert build_warehouse(stage, declared_tables()).published is not None
    day, until, incremental, days = START - timedelta(days=1), time.monotonic() + stress_seconds, 0, 0
    while days < 4 or time.monotonic() < until:
        day, days = day + timedelta(days=1), days + 1
        for _ in range(1 + (days == 3)):  # every other day is captured and built twice
            business.day(day, 12)
            at = stage.at_instant(evening(day))
            captures(at, declared_tables(), day)
            built = build_warehouse(at, declared_tables())
            assert built.published is not None, f"seed {seed}, day {day}: {built.to_error()!s}"
            incremental += not built.full_build_reason
        if stress_seconds or days == 4:
            expected = content(rebuilt(at))
            found = content(published(at))
            assert found == expected, f"seed {seed}, day {day}"
    assert incremental
    if not stress_seconds:
        with open_query_session(at, checkout_project()) as session:
            late = "order_number > 900 and shipped_late and shipped_date is null"
            (count,) = session.query(f"select count(*) from ans_time_to_ship where {late}").fetchone() or (0,)
            assert count
