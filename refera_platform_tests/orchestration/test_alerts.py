"""Real runs in Dagster's real history, and what people hear of them: once, with the cause and a link."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from refera_platform.orchestration import instance as memory
from refera_platform.settings.alerts import AlertSettings
from refera_platform_tests.alerts.receivers import listening_hook, listening_mailbox
from refera_platform_tests.checkout import declared_tables
from refera_platform_tests.orchestration.small_location import DOWN, NOWHERE, World

ALL = frozenset(table.name for table in declared_tables())


@pytest.fixture(scope="module")
def new_history(tmp_path_factory):
    """A home with Dagster's empty history, which takes a second to make."""
    place = tmp_path_factory.mktemp("new")
    memory.open_instance(replace(NOWHERE, home=place)).dispose()
    return place


@pytest.fixture
def world(tmp_path, new_history):
    """The small house with a webhook and a mailbox that listen."""
    shutil.copytree(new_history, tmp_path, dirs_exist_ok=True)
    with listening_hook() as hook, listening_mailbox() as box:
        alerts = AlertSettings.from_environment(
            {
                "REFERA_ALERT_WEBHOOK": hook.address,
                "REFERA_ALERT_SMTP": f"smtp://127.0.0.1:{box.port}",
                "REFERA_ALERT_MAIL_FROM": "refera@example.com",
                "REFERA_ALERT_MAIL_TO": "ops@example.com",
                "REFERA_UI_URL": "https://dagster.example.com",
            }
        )
        made = World(replace(NOWHERE, home=tmp_path, alerts=alerts))
        made.hook, made.box = hook, box
        yield made
        made.history.dispose()


def test_eight_tables_that_fail_for_one_reason_are_one_message_and_their_recovery_another(world):
    world.refused = dict.fromkeys(ALL, "Table {} was altered, which the log does not tell.")
    failed = world.run()
    for _ in range(3):
        world.look()
    (text,) = world.hook.texts
    assert "*Failed run* · test\nthe table was altered, which the log does not tell." in text
    assert f"<https://dagster.example.com/runs/{failed.run_id}|" in text
    assert all(f"raw/classicmodels/{name}" in text for name in ALL)
    assert len(world.box.messages) == 1
    world.restart()
    world.refused = {}
    assert world.run().success
    for _ in range(2):
        world.look()
    assert len(world.hook.texts) == 2
    assert world.hook.texts[1].startswith("*Recovered after")
    first, second = world.box.messages
    assert second["References"] == first["Message-ID"]
    assert world.skipped == "Nothing is wrong."


def test_a_server_that_is_down_is_one_message_however_often_it_is_tried(world):
    world.down, world.overdue = True, ALL
    for day in ("2026-03-10", "2026-03-10", "2026-03-11"):
        world.run(day)
        world.look()
    world.run(job="hourly")
    world.look()
    (text,) = world.hook.texts
    assert DOWN in text


def test_two_causes_are_two_messages(world):
    world.refused = {
        "orders": "Table {} was altered.",
        "payments": "{} has no key.",
        "offices": "{} has no key.",
    }
    world.run()
    world.look()
    assert sorted(text.splitlines()[1] for text in world.hook.texts) == [
        "Table classicmodels.orders was altered.",
        "the table has no key.",
    ]


def test_only_the_day_that_failed_makes_it_good(world):
    world.down = True
    world.run("2026-03-10")
    world.look()
    world.down = False
    world.run("2026-03-11")
    world.look()
    assert len(world.hook.texts) == 1
    world.run("2026-03-10")
    world.look()
    assert len(world.hook.texts) == 2


def test_a_dead_webhook_hears_later_and_mail_is_not_sent_again(world):
    world.hook.status = 500
    world.down = True
    world.run()
    world.look()
    assert "answered 500" in world.skipped
    assert "hushhush" not in world.skipped
    world.look()
    assert world.hook.asked == 1, "it is left alone for a while"
    world.hook.status = 200
    assert world.look_in(timedelta(minutes=2)) == []
    world.look_in(timedelta(minutes=3))
    assert len(world.hook.texts) == len(world.box.messages) == 1


def test_a_red_build_is_told_once_with_the_run_and_not_check_by_check(world):
    world.model = "test adds_up is red with 3 rows: nothing was published."
    world.in_the_middle = world.look
    world.run()
    assert world.hook.texts == [], "while the run goes on"
    world.in_the_middle = None
    world.look()
    (text,) = world.hook.texts
    assert "test adds_up is red" in text
    assert "warehouse/fct_orders" in text


def test_a_failed_check_of_a_run_that_went_well_is_told_with_a_link_to_it(world):
    world.agrees = False
    world.run()
    world.look()
    (text,) = world.hook.texts
    name = declared_tables()[0].name
    assert "*Failed check* · test\nCheck rows_agree failed: Rows agree." in text
    assert f"/assets/raw/classicmodels/{name}?view=checks&amp;checkDetail=rows_agree|" in text
    world.agrees = True
    world.run("2026-03-11")
    world.look()
    assert world.hook.texts[1].startswith("*Recovered after")


def test_a_warning_wakes_nobody(world):
    world.agrees, world.severity = False, dg.AssetCheckSeverity.WARN
    world.run()
    world.look()
    assert world.hook.texts == []


def test_overdue_tables_are_one_message_and_recover_when_their_day_comes(world):
    world.overdue = ALL
    world.run(job="hourly")
    world.look()
    (text,) = world.hook.texts
    assert "*Overdue table* · test\nthe table: day 2026-03-09 was due, and no day has been captured." in text
    world.run("2026-03-08")
    world.look()
    assert len(world.hook.texts) == 1
    world.run("2026-03-09")
    world.look()
    assert world.hook.texts[1].startswith("*Recovered after")


def test_a_run_that_dagster_tries_again_has_not_failed_yet(world):
    world.model = "test adds_up is red."
    first = world.run(tags={"dagster/max_retries": "1", "dagster/retry_on_asset_or_op_failure": "true"})
    assert world.history.get_run_by_id(first.run_id).tags["dagster/will_retry"] == "true"
    world.look()
    assert world.hook.texts == []
    again = world.run(
        tags={
            "dagster/parent_run_id": first.run_id,
            "dagster/root_run_id": first.run_id,
        }
    )
    world.history.add_run_tags(first.run_id, {"dagster/auto_retry_run_id": again.run_id})
    world.look()
    (text,) = world.hook.texts
    assert again.run_id in text


def test_a_retry_that_never_comes_is_told_all_the_same(world):
    world.down = True
    world.run(tags={"dagster/max_retries": "1", "dagster/retry_on_asset_or_op_failure": "true"})
    world.look()
    assert world.hook.texts == []
    world.look_in(timedelta(minutes=11))
    assert len(world.hook.texts) == 1


def test_a_run_that_somebody_stopped_is_no_incident(world):
    run = world.history.create_run_for_job(world.repository.get_job("daily"), tags={"dagster/partition": "2026-03-10"})
    world.history.report_run_canceled(run)
    world.look()
    assert world.hook.texts == []


def test_a_run_whose_process_is_gone_says_so_and_a_later_run_makes_it_good(world):
    run = world.history.create_run_for_job(world.repository.get_job("hourly"))
    world.history.report_run_failed(run, "The process that ran it no longer exists; the next run takes over.")
    world.look()
    (text,) = world.hook.texts
    assert "The process that ran it no longer exists" in text
    assert "\nhourly\n" in text
    assert world.run(job="hourly").success
    world.look()
    assert world.hook.texts[1].startswith("*Recovered after")


def test_hostile_and_endless_causes_do_no_harm(world):
    world.model = "<!channel>\r\nBcc: all@example.com\r\n\r\n" + "x" * 1_000_000
    world.run()
    world.look()
    (text,) = world.hook.texts
    assert "&lt;!channel&gt; Bcc: all@example.com" in text
    (message,) = world.box.messages
    assert message["Bcc"] is None
    assert len(world.cursor) < 3000


def test_a_cursor_that_somebody_damaged_starts_afresh(world):
    world.down = True
    world.run()
    for text in (
        "{",
        "[]",
        '{"seen": 1}',
        json.dumps({"seen": None, "watched": [], "stories": [{}], "pauses": {}}),
    ):
        world.cursor = text
        world.look()
    assert len(world.hook.texts) == 4
    world.look()
    assert len(world.hook.texts) == 4


def test_without_a_channel_the_sensor_says_which_setting_to_set(world):
    world.stage = replace(world.stage, alerts=AlertSettings())
    world.down = True
    world.run()
    world.look()
    assert "REFERA_ALERT_WEBHOOK" in world.skipped
    assert world.cursor is None
    sensor = world.repository.get_sensor_def("alerts")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30
