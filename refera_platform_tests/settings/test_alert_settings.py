"""Who is told, as the environment says it: what is wrong is named by its variable, and no value is ever shown."""

import pytest

from refera_platform.errors import SettingError
from refera_platform.settings.alerts import AlertSettings

pytestmark = pytest.mark.unit

HOOK, SMTP, SENDER, TO, UI = (
    "REFERA_ALERT_WEBHOOK",
    "REFERA_ALERT_SMTP",
    "REFERA_ALERT_MAIL_FROM",
    "REFERA_ALERT_MAIL_TO",
    "REFERA_UI_URL",
)
MAIL = {
    SMTP: "smtp://ops:p%40ss%2Fword@mail.example.com",
    SENDER: "refera@example.com",
    TO: "ops@example.com, night@example.com",
}


def test_nobody_is_told_by_default():
    assert AlertSettings.from_environment({}) == AlertSettings()
    assert AlertSettings.from_environment(dict.fromkeys((HOOK, SMTP, SENDER, TO, UI), "")) == AlertSettings()


def test_every_part_of_a_mail_server_is_read():
    route = AlertSettings.from_environment(MAIL).mail
    assert (route.host, route.port, route.user, route.password) == (
        "mail.example.com",
        587,
        "ops",
        "p@ss/word",
    )
    assert (route.sender, route.recipients) == (
        "refera@example.com",
        ("ops@example.com", "night@example.com"),
    )


@pytest.mark.parametrize(
    ("url", "tls", "port"),
    [
        ("smtp://mail.example.com", "starttls", 587),
        ("smtp://mail.example.com:25?tls=off", "off", 25),
        ("smtps://mail.example.com", "implicit", 465),
        ("smtp://localhost:25", "off", 25),
        ("smtp://127.0.0.1:25?tls=starttls", "starttls", 25),
    ],
)
def test_mail_to_another_machine_is_encrypted_unless_that_is_typed_off(url, tls, port):
    route = AlertSettings.from_environment({**MAIL, SMTP: url}).mail
    assert (route.tls, route.port) == (tls, port)


def test_secrets_are_not_shown():
    shown = repr(AlertSettings.from_environment({**MAIL, HOOK: "https://hooks.example.com/services/T0/B0/hush"}))
    assert "hush" not in shown
    assert "p@ss" not in shown


@pytest.mark.parametrize("address", ["https://hooks.example.com/x", "http://localhost:8080/x", "http://127.0.0.1/x"])
def test_a_webhook_is_reached_by_https_or_on_this_machine(address):
    assert AlertSettings.from_environment({HOOK: address}).webhook == address


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (HOOK, "http://hooks.example.com/hush"),
        (HOOK, "hush"),
        (HOOK, "https:///hush"),
        (HOOK, "https://h:0/hush"),
        (HOOK, "https://h:port/hush"),
        (HOOK, "https://h/hush\r\nx: y"),
        (HOOK, "file:///hush"),
        (HOOK, "https://[::1/hush"),
        (SMTP, "mail.example.com/hush"),
        (SMTP, "http://hush@mail.example.com"),
        (SMTP, "smtp://mail.example.com/hush"),
        (SMTP, "smtp://ops:hush@mail.example.com?ssl=no"),
        (SMTP, "smtp://ops:hush@mail.example.com?tls=hush"),
        (SMTP, "smtps://ops:hush@mail.example.com?tls=off"),
        (SMTP, "smtp://ops:hush@mail.example.com?tls=implicit"),
        (SMTP, "smtp://hush@mail.example.com"),
        (SMTP, "smtp://ops:p%40ss%C3%A9@mail.example.com"),
        (SENDER, "hush"),
        (SENDER, "hush@a.example, b@a.example"),
        (SENDER, "hush <a@a.example>"),
        (SENDER, "hush@a.example\r\nBcc: b@a.example"),
        (TO, "hush@"),
        (TO, "a@a.example,,hush@a.example"),
        (UI, "dagster.hush"),
        (UI, "ftp://hush"),
        (UI, "https://ops:hush@ui.example.com"),
        (UI, "https://ui.example.com?hush"),
    ],
)
def test_what_is_malformed_is_named_and_not_shown(variable, value):
    with pytest.raises(SettingError, match=variable) as error:
        AlertSettings.from_environment({**MAIL, variable: value})
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("missing", [SMTP, SENDER, TO])
def test_mail_needs_three_settings(missing):
    with pytest.raises(SettingError, match=f"need {missing} too: set all three, or none"):
        AlertSettings.from_environment({**MAIL, missing: ""})


def test_a_link_has_one_slash():
    assert (
        AlertSettings.from_environment({UI: "https://ui.example.com/dagster/"}).ui_url
        == "https://ui.example.com/dagster"
    )
