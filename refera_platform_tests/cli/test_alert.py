"""``refera alert``, as people type it: who is told, whether it gets there, and never a secret."""

from refera_platform_tests.alerts.receivers import listening_hook, listening_mailbox
from refera_platform_tests.cli.test_commands import NOWHERE
from refera_platform_tests.cli.typed import said, typed


def alert(home, *words, **settings):
    return typed(home, "alert", *words, env={"REFERA_STAGE": "production", **NOWHERE, **settings}, is_cold=True)


def mail(port):
    return {
        "REFERA_ALERT_SMTP": f"smtp://127.0.0.1:{port}",
        "REFERA_ALERT_MAIL_FROM": "refera@example.com",
        "REFERA_ALERT_MAIL_TO": "ops@example.com",
    }


def test_a_test_message_goes_through_each_channel(tmp_path):
    with listening_hook() as hook, listening_mailbox() as box:
        done = alert(tmp_path, "--test", REFERA_ALERT_WEBHOOK=hook.address, **mail(box.port))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("delivered") == 2
    assert hook.texts[0].startswith("*Test: alerts of refera reach you here* · production")
    assert box.messages[0]["Subject"].startswith("[refera production]")


def test_the_channel_that_does_not_work_is_told_and_the_other_is_tried(tmp_path):
    with listening_hook() as hook, listening_mailbox() as box:
        hook.status = 404
        done = alert(tmp_path, "--test", REFERA_ALERT_WEBHOOK=hook.address, **mail(box.port))
    assert done.returncode == 1
    assert "The webhook at 127.0.0.1 answered 404" in done.stdout
    assert "hushhush" not in done.stdout + done.stderr
    assert len(box.messages) == 1


def test_without_test_nothing_is_sent(tmp_path):
    with listening_hook() as hook:
        done = alert(tmp_path, REFERA_ALERT_WEBHOOK=hook.address)
    assert done.returncode == 0
    assert hook.asked == 0
    assert "refera alert --test" in done.stderr


def test_without_a_channel_the_settings_are_named(tmp_path):
    assert "REFERA_ALERT_WEBHOOK" in said(alert(tmp_path))
