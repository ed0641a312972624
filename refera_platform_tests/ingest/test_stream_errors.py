"""Logs that are gone, begun anew or another server's: loud, with one remedy that mends the lake."""

import shutil
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform.errors import LakeError
from refera_platform.sandbox import stack
from refera_platform.settings.stage import load_stage
from refera_platform_tests.business import TODAY, open_shop
from refera_platform_tests.checkout import find_table
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of
from refera_platform_tests.local_stack import captured, root

ONE = timedelta(days=1)
YESTERDAY = TODAY - ONE
PAYMENTS = find_table("payments")


@contextmanager
def administrator(home):
    """A cursor that may do everything to the server."""
    with closing(root(home)) as connection, connection.cursor() as cursor:
        yield cursor


def purge(home):
    """Remove every file of the log but the one being written, as the server does with old ones."""
    with administrator(home) as server:
        server.execute("flush binary logs")
        server.execute("show binary logs")
        newest = server.fetchall()[-1][0]
        deadline = time.monotonic() + 30  # a file is kept until the storage engine has no more need of it
        while server.execute("show binary logs") > 1 and time.monotonic() < deadline:
            server.execute(f"purge binary logs to '{newest}'")


def reset(home):
    """Begin the log anew: its files are counted from one again."""
    with administrator(home) as server:
        server.execute("flush binary logs")  # so that the new numbers are lower
        server.execute("reset master")


@pytest.mark.parametrize(
    ("harm", "said"), [(purge, "was purged; the oldest file is"), (reset, "is not the one that was read before")]
)
def test_a_log_that_is_gone_is_refused_and_a_new_baseline_writes_what_it_hid(stage, home, shop, harm, said):
    captured(stage, "payments", YESTERDAY)
    shop.run("update payments set amount = 7 where checkNumber = 'C1'")
    shop.run("delete from payments where checkNumber = 'C2'")
    harm(home)
    with pytest.raises(LakeError, match=rf"{said}[^`]*`refera resnapshot`"):
        captured(stage, "payments", TODAY)
    assert raw_of(stage, PAYMENTS, "_op") == [("r",)] * 3, "a refusal writes nothing"
    came = captured(stage, "payments", TODAY, afresh=True)
    assert dict(came.added) == {"r": 2, "d": 1}
    rows = raw_of(stage, PAYMENTS, '_op, "checkNumber", amount::varchar', TODAY)
    assert [row for row in rows if row[0] == "d"] == [("d", "C2", "60.00")]
    assert differences_of(stage, [PAYMENTS]) == {}
    for step, amount in ((1, 8), (2, 9)):
        shop.at(TODAY + step * ONE)
        shop.run(f"update payments set amount = {amount} where checkNumber = 'C1'")
        captured(stage, "payments", TODAY + step * ONE)
        assert differences_of(stage, [PAYMENTS]) == {}
    rows = raw_of(stage, PAYMENTS, "_op, amount::integer", TODAY + 2 * ONE)
    assert rows == [("u", 9)]


@pytest.fixture
def elsewhere(tmp_path, stage):
    """Another server with the same business, and the stage that reads it into the same lake."""
    place = tmp_path / "elsewhere"
    stack.start_stack(place)
    other = load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(place)})
    yield (
        place,
        lambda: replace(stage, databases=load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(place)}).databases),
    )
    assert other.home == place
    stack.stop_stack(place, wipe=True)


def test_another_server_behind_the_same_address_is_refused_until_it_is_taken(stage, shop, elsewhere):
    place, there = elsewhere
    captured(stage, "payments", YESTERDAY)
    with open_shop(place) as other_shop:
        other_shop.run("delete from payments where checkNumber = 'C3'")
        other_shop.run("insert into payments values (12, 'C9', '2026-03-10', 9)")
        with pytest.raises(LakeError, match=r"was captured from mariadb:.* and now mariadb:.*refera resnapshot"):
            captured(there(), "payments", TODAY)
        captured(there(), "payments", TODAY, afresh=True)
        assert differences_of(there(), [PAYMENTS]) == {}
        other_shop.at(TODAY + ONE)
        other_shop.run("update payments set amount = 1 where checkNumber = 'C9'")
        captured(there(), "payments", TODAY + ONE)
        assert differences_of(there(), [PAYMENTS]) == {}
        with pytest.raises(LakeError, match="answers at its address"):
            captured(stage, "payments", TODAY + ONE)


def test_a_server_restored_from_a_backup_is_refused_though_it_has_the_same_name(elsewhere, tmp_path):
    place, there = elsewhere
    with open_shop(place) as shop:
        captured(there(), "payments", YESTERDAY)
        shop.run("update payments set amount = 1")
    stack.stop_stack(place)
    shutil.copytree(place / "mariadb/data", tmp_path / "backup")
    stack.start_stack(place)
    with shop_of(place) as shop:
        shop.run("update payments set amount = 2 where checkNumber = 'C1'")
        captured(there(), "payments", TODAY)
    stack.stop_stack(place)
    shutil.rmtree(place / "mariadb/data")
    shutil.copytree(tmp_path / "backup", place / "mariadb/data")
    stack.start_stack(place)
    with shop_of(place) as shop:
        shop.run("update payments set amount = 30 where checkNumber in ('C1', 'C2')")
        shop.run("update payments set amount = 31 where checkNumber in ('C1', 'C2')")
        with pytest.raises(LakeError, match="is not the one that was read before"):
            captured(there(), "payments", TODAY)
        captured(there(), "payments", TODAY, afresh=True)
        assert differences_of(there(), [PAYMENTS]) == {}


@contextmanager
def shop_of(place):
    """The owner's hand in a source whose business goes on."""
    from refera_platform_tests.business import Shop
    from refera_platform_tests.local_stack import owner

    with closing(owner(place)) as connection:
        shop = Shop(connection)
        shop.at(TODAY)
        yield shop
