"""What each channel has to be told: once, not again, and when it is over; also after it was away."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refera_platform.alerts.deliver import MAX_BACKOFF, MAX_MESSAGES_PER_DELIVERY, deliver_messages
from refera_platform.alerts.fault import FaultKind, symptom
from refera_platform.alerts.incident import Incident
from refera_platform.alerts.message import MessageType, Origin, format_duration, slack_payload
from refera_platform.alerts.state import NOTHING_TRACKED, AlertState
from refera_platform.alerts.tracking import (
    MAX_INCIDENTS,
    due_messages,
    prune_incidents,
    record_delivery,
    track_incidents,
)
from refera_platform.errors import AlertError
from refera_platform.json_codec import decode_json, encode_json

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def incident(key, *things, since=NOON):
    return Incident(
        fingerprint=key, kind=FaultKind.RUN, cause=f"cause of {key}", affected=things, link="/runs/1", since=since
    )


class Ear:
    """A channel that hears, or does not."""

    def __init__(self, name):
        self.name = self.where = name
        self.heard = []
        self.trouble = None

    def send(self, message):
        if self.trouble:
            raise self.trouble
        self.heard.append(message)
        return ""

    @property
    def told(self):
        return [(message.message_type, message.affected) for message in self.heard]


class Day:
    """A day of looks, remembered in between as Dagster does: as text."""

    def __init__(self, *ears):
        self.ears, self.now, self.text, self.troubles = ears, NOON, encode_json(NOTHING_TRACKED), []

    def look(self, *incidents, after=timedelta(seconds=30)):
        self.now += after
        memory = track_incidents(decode_json(self.text, AlertState), incidents, self.now)
        memory, self.troubles = deliver_messages(memory, self.ears, self.now)
        self.text = encode_json(memory)
        return memory


def test_an_incident_is_told_once_and_when_it_is_over():
    ear = Ear("webhook")
    day = Day(ear)
    for _ in range(3):
        day.look(incident("a", "x", "y"))
    day.look(after=2 * HOUR)
    day.look()
    assert ear.told == [(MessageType.OPENED, ("x", "y")), (MessageType.RECOVERED, ("x", "y"))]
    assert ear.heard[1].title == "Recovered after 2 h 2 min"
    assert ear.heard[0].incident_id == ear.heard[1].incident_id
    assert day.look().incidents == ()


def test_what_joins_is_told_after_an_hour_together():
    ear = Ear("webhook")
    day = Day(ear)
    day.look(incident("a", "x"))
    day.look(incident("a", "x", "y"))
    day.look(incident("a", "x", "y", "z"))
    assert len(ear.heard) == 1
    day.look(incident("a", "x", "y", "z"), after=HOUR)
    day.look(incident("a", "x"))
    day.look(incident("a", "x", "y"), after=2 * HOUR)
    assert ear.told[1:] == [(MessageType.WIDENED, ("y", "z"))], "what left and came back is no news"


def test_nothing_recovers_that_is_red_for_another_reason():
    ear = Ear("webhook")
    day = Day(ear)
    day.look(incident("a", "x", "y"))
    day.look(incident("b", "x", "y"))
    day.look(incident("b", "x"))
    day.look()
    assert [(message.message_type, message.cause) for message in ear.heard] == [
        (MessageType.OPENED, "cause of a"),
        (MessageType.OPENED, "cause of b"),
        (MessageType.RECOVERED, "cause of b"),
    ]


def test_of_a_partly_replaced_incident_only_what_is_well_recovers():
    ear = Ear("webhook")
    day = Day(ear)
    day.look(incident("a", "x", "y"))
    day.look(incident("b", "x"))
    assert sorted(ear.told[1:]) == [(MessageType.OPENED, ("x",)), (MessageType.RECOVERED, ("y",))]


def test_a_dead_channel_stops_no_other_and_hears_once_when_it_is_back():
    dead, well = Ear("webhook"), Ear("mail")
    day = Day(dead, well)
    dead.trouble = AlertError("The webhook does not answer:", "wait.", is_transient=True)
    for _ in range(5):
        day.look(incident("a", "x"))
    assert well.told == [(MessageType.OPENED, ("x",))]
    dead.trouble = None
    day.look(incident("a", "x"), after=MAX_BACKOFF)
    day.look(incident("a", "x"))
    assert dead.told == well.told == [(MessageType.OPENED, ("x",))]


def test_what_began_and_ended_while_a_channel_was_dead_is_one_message_to_it():
    dead, well = Ear("webhook"), Ear("mail")
    day = Day(dead, well)
    dead.trouble = AlertError("The webhook does not answer:", "wait.", is_transient=True)
    day.look(incident("a", "x"))
    day.look(after=HOUR)
    dead.trouble = None
    day.look(after=HOUR)
    assert [what for what, _ in well.told] == [MessageType.OPENED, MessageType.RECOVERED]
    assert [what for what, _ in dead.told] == [MessageType.RECOVERED]
    assert day.look().incidents == ()


def test_a_channel_that_fails_is_left_alone_for_longer_and_longer():
    dead = Ear("webhook")
    dead.trouble = AlertError("The webhook answered 404:", "make a new one.")
    day, asked = Day(dead), 0
    for _ in range(120):
        day.look(incident("a", "x"))
        asked += bool(day.troubles)
    assert 5 <= asked <= 12
    assert "make a new one" in dead.trouble.remedy


def test_a_message_that_is_refused_for_what_it_says_stops_no_other():
    ear = Ear("webhook")
    send = ear.send
    poison = AlertError("The webhook answered 400:", "mend it.")

    def choosy(message):
        if message.cause == "cause of a":
            raise poison
        return send(message)

    ear.send = choosy
    Day(ear).look(incident("a", "x"), incident("b", "y"))
    assert [message.cause for message in ear.heard] == ["cause of b"]


def test_no_look_sends_more_than_a_handful():
    ear = Ear("webhook")
    day, many = Day(ear), [incident(f"k{n:02}", f"t{n}") for n in range(25)]
    day.look(*many)
    assert len(ear.heard) == MAX_MESSAGES_PER_DELIVERY
    day.look(*many)
    day.look(*many)
    day.look(*many)
    assert len(ear.heard) == 25


def test_memory_is_bounded_and_open_incidents_are_not_told_again():
    ear = Ear("webhook")
    day, many = Day(ear), [incident(f"k{n:02}", f"t{n}") for n in range(100)]
    for _ in range(12):
        memory = day.look(*many)
    assert len(memory.incidents) == MAX_INCIDENTS
    assert len(ear.heard) == MAX_INCIDENTS
    assert len(day.text) < 40_000


def test_a_new_channel_hears_what_is_wrong_now():
    first, second = Ear("webhook"), Ear("mail")
    day = Day(first)
    day.look(incident("a", "x"))
    day.ears = (first, second)
    day.look(incident("a", "x"))
    assert first.told == second.told == [(MessageType.OPENED, ("x",))]


@settings(deadline=None)
@given(st.lists(st.tuples(st.frozensets(st.sampled_from("abc")), st.booleans(), st.booleans()), max_size=25))
def test_whatever_happens_each_channel_ends_with_the_truth(looks):
    """Any incidents, any outages: at the end both channels were told alternately, and know what is open."""
    one, other = Ear("webhook"), Ear("mail")
    day = Day(one, other)
    down = AlertError("away:", "wait.", is_transient=True)
    for keys, first_down, second_down in looks:
        one.trouble, other.trouble = (down if first_down else None), (down if second_down else None)
        day.look(*(incident(key, f"thing {key}", since=day.now) for key in sorted(keys)))
    last = looks[-1][0] if looks else frozenset()
    one.trouble = other.trouble = None
    for _ in range(12):
        day.look(*(incident(key, f"thing {key}", since=day.now) for key in sorted(last)), after=MAX_BACKOFF)
    for ear in (one, other):
        told = {}
        for message in ear.heard:
            told.setdefault(message.incident_id, []).append(message.message_type)
        assert all(
            whats in ([MessageType.OPENED], [MessageType.OPENED, MessageType.RECOVERED], [MessageType.RECOVERED])
            for whats in told.values()
        )
        open_still = {
            ear_message.cause for ear_message in ear.heard if told[ear_message.incident_id] == [MessageType.OPENED]
        }
        assert open_still == {f"cause of {key}" for key in last}


def test_the_same_in_gives_the_same_out():
    memory = track_incidents(NOTHING_TRACKED, [incident("a", "x"), incident("b", "y")], NOON)
    assert due_messages(memory, "mail", NOON) == due_messages(memory, "mail", NOON)
    assert decode_json(encode_json(memory), AlertState) == memory
    (first, _) = due_messages(memory, "mail", NOON)
    after = record_delivery(memory, first, "mail", NOON)
    assert len(due_messages(after, "mail", NOON)) == 1
    assert prune_incidents(after, ["mail"]) == after


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (5, "less than a minute"),
        (61, "1 min"),
        (7500, "2 h 5 min"),
        (90000, "1 d 1 h"),
        (-5, "less than a minute"),
    ],
)
def test_how_long_it_lasted(seconds, told):
    assert format_duration(timedelta(seconds=seconds)) == told


def test_slack_gets_no_mention_no_link_and_no_block_that_is_too_long():
    memory = track_incidents(NOTHING_TRACKED, [incident("a", *(f"<{'&' * 200}{n}>" for n in range(100)))], NOON)
    (message,) = due_messages(memory, "webhook", NOON)
    hostile = replace(message, cause="<!channel> @here <https://evil.example|click> " + "&" * 900)
    body = slack_payload(hostile, Origin(stage="production", ui_url="https://ui.example"))
    texts = [body["blocks"][0]["text"]["text"], body["blocks"][1]["elements"][0]["text"]]
    for text in texts:
        assert "<!channel>" not in text
        assert "@here" not in text
        assert len(text) <= 3000
    assert texts[1].endswith("<https://ui.example/runs/1|Open in Dagster>")
    assert "and 90 more" in texts[1]


def checked(key, thing, name):
    return replace(incident(key, thing), kind=FaultKind.CHECK, symptoms=(symptom(thing, name),))


def test_what_got_well_is_told_whatever_else_is_wrong_of_the_table():
    ear = Ear("webhook")
    day = Day(ear)
    failed = replace(incident("run", "x"), symptoms=(symptom("x", "2026-03-09"),))
    day.look(failed, checked("values", "x", "values_agree"), checked("rows", "x", "rows_agree"))
    day.look(failed, checked("rows", "x", "rows_agree"))
    assert ear.told[3:] == [(MessageType.RECOVERED, ("x",))]
    assert ear.heard[3].cause == "cause of values"
    day.look(failed, checked("rows for another reason", "x", "rows_agree"))
    assert ear.told[4:] == [(MessageType.OPENED, ("x",))], "the same check is red: nothing has recovered"


def test_a_refusal_by_rule_is_told_once_and_ends_by_itself():
    ear, dead = Ear("webhook"), Ear("mail")
    dead.trouble = AlertError("The server does not answer:", "wait.", is_transient=True)
    day = Day(ear, dead)
    refused = replace(incident("rule", "x"), kind=FaultKind.REFUSED, symptoms=(symptom("x", "2026-03-09"),))
    day.look(refused, checked("values", "x", "values_agree"))
    for _ in range(3):
        day.look(refused, after=2 * HOUR)
    day.look()
    said = [(message.message_type, message.kind) for message in ear.heard]
    assert sorted(said[:2]) == [(MessageType.OPENED, FaultKind.CHECK), (MessageType.OPENED, FaultKind.REFUSED)]
    assert said[2:] == [(MessageType.RECOVERED, FaultKind.CHECK)]
    dead.trouble = None
    assert day.look(after=MAX_BACKOFF).incidents == ()
    assert (MessageType.OPENED, FaultKind.REFUSED) in [(message.message_type, message.kind) for message in dead.heard]
    assert (MessageType.RECOVERED, FaultKind.REFUSED) not in [
        (message.message_type, message.kind) for message in dead.heard
    ]


def test_a_failed_day_that_a_rule_refuses_by_now_has_not_recovered():
    ear = Ear("webhook")
    day = Day(ear)
    missing = (symptom("x", "2026-03-09"),)
    day.look(replace(incident("down", "x"), symptoms=missing))
    day.look(replace(incident("rule", "x"), kind=FaultKind.REFUSED, symptoms=missing))
    day.look()
    assert [(message.message_type, message.cause) for message in ear.heard] == [
        (MessageType.OPENED, "cause of down"),
        (MessageType.OPENED, "cause of rule"),
    ]
