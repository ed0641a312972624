"""Messages through real servers: what arrives, what is refused, and what an error may say."""

import socket
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from refera_platform.alerts.fault import FaultKind
from refera_platform.alerts.message import Message, MessageType
from refera_platform.alerts.send import configured_channels
from refera_platform.errors import AlertError
from refera_platform.settings.alerts import AlertSettings
from refera_platform_tests.alerts.receivers import (
    PASSWORD,
    USER,
    certified,
    listening_hook,
    listening_mailbox,
)

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECRETS = ("hushhush", "T0/B0", PASSWORD, quote(PASSWORD, safe=""))


def message(what=MessageType.OPENED, cause="The source does not answer."):
    return Message(
        message_type=what,
        incident_id="a1b2",
        kind=FaultKind.RUN,
        cause=cause,
        affected=("raw/classicmodels/orders",),
        link="/runs/42",
        since=NOON,
        until=NOON + timedelta(hours=2, minutes=5),
    )


def webhook(address):
    (channel,) = configured_channels(AlertSettings.from_environment({"REFERA_ALERT_WEBHOOK": address}), "local")
    return channel


def mail(port, login="", options="", to="ops@example.com, night@example.com", scheme="smtp"):
    (channel,) = configured_channels(
        AlertSettings.from_environment(
            {
                "REFERA_ALERT_SMTP": f"{scheme}://{login}localhost:{port}{options}",
                "REFERA_ALERT_MAIL_FROM": "refera@example.com",
                "REFERA_ALERT_MAIL_TO": to,
                "REFERA_UI_URL": "https://dagster.example.com/",
            }
        ),
        "local",
    )
    return channel


def trouble(channel):
    with pytest.raises(AlertError) as caught:
        channel.send(message())
    said = str(caught.value)
    assert not [secret for secret in SECRETS if secret in said]
    assert caught.value.remedy
    return caught.value


def login(password=PASSWORD):
    return f"{USER}:{quote(password, safe='')}@"


def test_a_webhook_gets_text_and_blocks():
    with listening_hook() as hook:
        assert webhook(hook.address).send(message()) == ""
    (body,) = hook.took
    assert body["text"] == "*Failed run* · local\nThe source does not answer.\nraw/classicmodels/orders"
    assert [block["type"] for block in body["blocks"]] == ["section", "context"]


@pytest.mark.parametrize(
    ("status", "passing"), [(500, True), (503, True), (429, True), (404, False), (403, False), (302, False)]
)
def test_what_a_webhook_answers_says_whether_to_try_again(status, passing):
    with listening_hook() as hook:
        hook.status = status
        found = trouble(webhook(hook.address))
        assert found.is_transient is passing
        assert str(status) in found.problem
        assert hook.asked == 1


def test_a_webhook_that_is_not_there_may_come_back():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        found = trouble(webhook(f"http://127.0.0.1:{taken.getsockname()[1]}/services/T0/B0/hushhush"))
    assert found.is_transient


def test_mail_is_encrypted_and_logged_in(tmp_path):
    with listening_mailbox(tmp_path) as box:
        channel = mail(box.port, login(), f"?tls=starttls&ca={tmp_path / 'ca.pem'}")
        channel.send(message())
        channel.send(message(MessageType.RECOVERED))
    assert box.logins == [USER, USER]
    assert box.encrypted == [True, True]
    failed, recovered = box.messages
    assert failed["Subject"] == "[refera local] Failed run: The source does not answer."
    assert failed["To"] == "ops@example.com, night@example.com"
    assert "https://dagster.example.com/runs/42" in failed.get_content()
    assert recovered["References"] == recovered["In-Reply-To"] == failed["Message-ID"]
    assert recovered["Message-ID"] != failed["Message-ID"]
    assert recovered["Subject"] == f"Re: {failed['Subject']}"
    assert recovered.get_content().startswith("Recovered after 2 h 5 min.")


def test_mail_can_be_encrypted_from_the_start(tmp_path):
    with listening_mailbox(tmp_path, implicit=True) as box:
        mail(box.port, login(), f"?ca={tmp_path / 'ca.pem'}", scheme="smtps").send(message())
    assert box.logins == [USER]
    assert len(box.messages) == 1


def test_a_server_with_a_certificate_that_nobody_knows_gets_no_password(tmp_path):
    with listening_mailbox(tmp_path) as box:
        found = trouble(mail(box.port, login(), "?tls=starttls"))
    assert "certificate" in found.problem
    assert not found.is_transient
    assert box.logins == []


def test_a_server_without_tls_gets_no_password_when_tls_is_expected():
    with listening_mailbox() as box:
        assert "STARTTLS" in trouble(mail(box.port, login(), "?tls=starttls")).problem
    assert box.messages == []


def test_a_wrong_password_is_named_and_not_shown(tmp_path):
    with listening_mailbox(tmp_path) as box:
        found = trouble(mail(box.port, login("hushhush"), f"?tls=starttls&ca={tmp_path / 'ca.pem'}"))
    assert found.problem == "The mail server localhost refused the login:"


def test_one_refused_address_keeps_the_message_from_nobody_else():
    with listening_mailbox() as box:
        box.refused = {"night@example.com"}
        assert "refused 1 of the addresses" in mail(box.port).send(message())
        assert len(box.messages) == 1
        box.refused.add("ops@example.com")
        assert "refused every address" in trouble(mail(box.port)).problem


def test_a_busy_mail_server_is_asked_again():
    with listening_mailbox() as box:
        box.busy = True
        assert trouble(mail(box.port)).is_transient
    assert trouble(mail(box.port)).is_transient, "it is gone"


def test_a_file_of_authorities_that_is_not_there_is_named(tmp_path):
    with listening_mailbox(tmp_path) as box:
        assert "?ca=" in trouble(mail(box.port, login(), f"?tls=starttls&ca={tmp_path}/no.pem")).problem


@pytest.mark.parametrize("what", [MessageType.OPENED, MessageType.RECOVERED, MessageType.WIDENED, MessageType.TEST])
def test_whatever_a_cause_holds_a_mail_has_our_headers_and_a_bounded_body(what):
    hostile = "<!channel>\r\nBcc: all@example.com\r\n\r\nbody\0\u2028" + "x" * 1_000_000
    with listening_mailbox() as box, listening_hook() as hook:
        mail(box.port).send(message(what, hostile))
        webhook(hook.address).send(message(what, hostile))
    (got,) = box.messages
    assert got["Bcc"] is None
    assert got["To"] == "ops@example.com, night@example.com"
    assert "\n" not in got["Subject"]
    assert len(got.as_bytes()) < 4000
    assert "<!channel>" not in hook.texts[0]
    assert len(hook.texts[0]) < 3000


def test_https_is_checked(tmp_path, monkeypatch):
    context = certified(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve():
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    try:
                        with context.wrap_socket(connection, server_side=True) as safe:
                            while b"}]}" not in safe.recv(65536):
                                pass
                            safe.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    except OSError:
                        pass  # the client did not trust us

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"https://localhost:{port}/services/T0/B0/hushhush"
        assert "certificate" in trouble(webhook(address)).problem
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        webhook(address).send(message())
        thread.join()
