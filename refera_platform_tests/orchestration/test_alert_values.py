"""No value of a row leaves the house: a marker stands in the rows, and in no message of any channel."""

import json
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import pytest

from refera_platform.alerts.send import configured_channels
from refera_platform.definitions import build
from refera_platform.errors import SourceError
from refera_platform.lake.lake import run_sql as ask_lake
from refera_platform.orchestration import headless, instance
from refera_platform.orchestration.alerts import EMPTY_CURSOR, evaluate_and_notify
from refera_platform.orchestration.run_history.failed_steps import dagster_failure
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.runners.aws_lambda.client import LambdaFunction
from refera_platform.settings.alerts import AlertSettings
from refera_platform.settings.runner import RunnerSettings
from refera_platform_tests.alerts.receivers import listening_hook, listening_mailbox
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project
from refera_platform_tests.local_stack import evening, root, source_of
from refera_platform_tests.orchestration.test_alerts import new_history, world

__all__ = ["new_history", "world"]
MARK = "mark4711"
"""What is in a row and must be in no message."""


@dataclass
class Ears:
    """Everything that every channel took."""

    hook: object
    box: object

    @property
    def heard(self) -> str:
        mails = [f"{dict(mail.items())} {mail.get_content()}" for mail in self.box.messages]
        return json.dumps([self.hook.took, mails], ensure_ascii=False)


@pytest.fixture
def ears():
    with listening_hook() as hook, listening_mailbox() as box:
        yield Ears(hook, box)


def settings(ears):
    return AlertSettings.from_environment(
        {
            "REFERA_ALERT_WEBHOOK": ears.hook.address,
            "REFERA_ALERT_SMTP": f"smtp://127.0.0.1:{ears.box.port}",
            "REFERA_ALERT_MAIL_FROM": "refera@example.com",
            "REFERA_ALERT_MAIL_TO": "ops@example.com",
        }
    )


def behind_the_log(home, statement):
    """Change the source as the log does not tell it."""
    with closing(root(home)) as server, server.cursor() as cursor:
        cursor.execute("set session sql_log_bin = 0")
        cursor.execute(statement)
        server.commit()


def test_a_check_that_shows_both_values_in_dagster_tells_key_and_column_alone(memory, shop, home, ears):
    """Issue 16, 25: a failed check sent a customer's phone to Slack and into a mail's subject."""
    now = replace(memory, alerts=settings(ears)).at_instant(evening(TODAY))
    house = build(now, checkout_project())
    assert headless.run_headless(house, now, DailyRunRequest(days=(TODAY,), select="customers")).succeeded
    behind_the_log(home, f"update classicmodels.customers set phone = '{MARK}' where customerNumber = 10")
    outcome = headless.run_headless(house, now, DailyRunRequest(days=(TODAY,), select="customers"))
    assert any(f"phone is '{MARK}' in the source" in each for each in outcome.failures), "the page shows it"
    with instance.open_instance(now) as history:
        evaluate_and_notify(
            history,
            house.get_repository_def(),
            configured_channels(now.alerts, now.name),
            EMPTY_CURSOR,
            datetime.now(UTC),
        )
    assert len(ears.hook.took) == len(ears.box.messages) == 1
    assert MARK not in ears.heard
    assert "=10" not in ears.heard, "a key is a value of its row, too"
    assert "a row, found by customerNumber: phone differs" in ears.hook.texts[0]
    assert "a row, found by customerNumber: phone differs" in ears.box.messages[0]["Subject"]


def of_the_lake(stage):
    with closing(duckdb.connect()) as connection:
        ask_lake(connection, f"select cast('{MARK}' as integer)")


def of_the_server(stage):
    with source_of(stage) as source:
        source.ask(f"select extractvalue('<a/>', '!{MARK}')")


def of_a_key(stage):
    raise SourceError(f"Two rows have {MARK}:", "declare its key.", public_problem="Two rows have one key:")


@pytest.mark.parametrize("raised", [of_the_lake, of_the_server, of_a_key])
def test_an_error_of_ours_that_quotes_a_value_is_told_without_it(stage, world, raised):
    with pytest.raises(Exception, match=MARK) as found:
        raised(stage)
    world.raised = dagster_failure(found.value)
    world.run()
    world.look()
    (text,) = world.hook.texts
    assert MARK in str(found.value), "the page shows it"
    assert MARK not in Ears(world.hook, world.box).heard
    assert found.value.remedy in text, "what to do is told"


@pytest.mark.parametrize(
    "raised",
    [
        ValueError(f"invalid literal for int(): '{MARK}'"),
        duckdb.ConversionException(f"could not read {MARK}"),
    ],
    ids=repr,
)
def test_an_error_of_a_library_is_told_by_its_kind_alone(world, raised):
    world.raised = raised
    world.run()
    world.look()
    (text,) = world.hook.texts
    assert f"failed with {type(raised).__name__}" in text
    assert MARK not in Ears(world.hook, world.box).heard


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (f"Duplicate entry '{MARK}'s' for key 'x'", "Duplicate entry '…'"),
        (f'Could not convert string "{MARK}" to INT32', 'Could not convert string "…" to INT32'),
        ("Type INT32 with value 3000000000 can't be cast", "Type INT32 with value … can't be cast"),
        (
            "The database at db.example.com:3306 as reader could not be read",
            "The database at db.example.com:3306 as reader could not be read",
        ),
        ("Day 2026-03-09 is over", "Day 2026-03-09 is over"),
    ],
)
def test_the_one_text_that_lambda_hands_over_loses_what_is_quoted(stage, words, told):
    function = LambdaFunction(
        replace(stage, runner=RunnerSettings(is_lambda=True, function_name="f", messages_bucket="m"))
    )
    said = json.dumps({"errorType": "LakeError", "errorMessage": words}).encode()
    error = function._function_error(said)
    assert (str(error), error.public_message) == (words, told)
