"""A run on a terminal: one table that fits, stays, and says what is red; in a pipe the same lines as ever."""

import logging
import os
import pty
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from refera_platform.cli.live_table import LiveTable
from refera_platform.orchestration.progress import ProgressEvent, ProgressKind, log_progress
from refera_platform.orchestration.stop_signal import Stopped, catch_stop_signals


def show(board, **event):
    """Have the board handle the record of an event."""
    record = logging.makeLogRecord({"progress": ProgressEvent(**event)})
    board.handle(record)


MODELS = [f"stg_{n}" for n in range(13)]


GONE = ProgressEvent(kind=ProgressKind.FAILED, line="Table x is gone", level=logging.ERROR)


def board_of(tables=8):
    board = LiveTable("Day 2026-03-10")
    for n in range(tables):
        show(board, kind=ProgressKind.PLANNED, asset=f"raw/shop/table_{n}", step="raw_shop")
        show(board, kind=ProgressKind.CHECK_PLANNED, asset=f"raw/shop/table_{n}", step="raw_shop")
    for name in MODELS:
        show(board, kind=ProgressKind.PLANNED, asset=f"staging/{name}", step="warehouse")
    return board


def drawn(board, width=80, height=24):
    console = Console(width=width, height=height, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(board)
    text = console.export_text()
    console.file.close()
    assert max(map(len, text.splitlines())) <= width
    return text


def stored(board, n, **metadata):
    show(board, kind=ProgressKind.MATERIALIZED, asset=f"raw/shop/table_{n}", step="raw_shop", metadata=metadata)


def row(text, name):
    return next(line.split() for line in text.splitlines() if line.startswith(f"{name} "))


def test_a_table_goes_from_waiting_to_running_to_done_with_its_rows_and_checks():
    board = board_of()
    assert row(drawn(board), "table_0") == ["table_0", "waiting", "0/1"]
    show(board, kind=ProgressKind.STARTED, step="raw_shop")
    assert row(drawn(board), "table_0") == ["table_0", "running", "0/1"]
    stored(board, 0, rows_added_c=1200, rows_added_d=1, seconds=0.51)
    stored(board, 0, rows_added_c=34, seconds=0.51)
    show(board, kind=ProgressKind.CHECKED, asset="raw/shop/table_0", check="agrees")
    assert row(drawn(board), "table_0") == ["table_0", "done", "0", "1,234", "0", "1", "0.5", "1/1"]
    assert row(drawn(board), "table_1")[1] == "running"
    show(board, kind=ProgressKind.FAILED, step="raw_shop")
    text = drawn(board)
    assert row(text, "table_1")[1] == "failed"
    assert row(text, "table_0")[1] == "done", "what was committed stays so"


def test_the_models_of_a_group_are_one_line_that_names_the_red_ones():
    board = board_of()
    show(board, kind=ProgressKind.STARTED, step="warehouse")
    for name in MODELS[:5]:
        show(board, kind=ProgressKind.BUILT, asset=name, line=f"model {name}: success, 0.10 s", seconds=0.1)
    assert row(drawn(board), "staging") == ["staging", "running", "5/13", "0.5", "0/0"]
    for name in MODELS:
        show(board, kind=ProgressKind.BUILT, asset=name, passed=name not in MODELS[8:])
    text = drawn(board)
    assert row(text, "staging")[1:3] == ["failed", "13/13"]
    assert "stg_8" in text
    assert "stg_8, stg_9, stg_10 and 2 more" in drawn(board, width=200)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (60, 12)])
def test_it_fits_however_many_tables_there_are(width, height):
    board = board_of(tables=50)
    show(board, kind=ProgressKind.STARTED, step="raw_shop")
    for n in range(40):
        stored(board, n, rows_added_c=n)
    text = drawn(board, width, height)
    assert len(text.splitlines()) <= max(height, 14)
    assert "40 done" in text or height == 60
    assert row(text, "table_40")[1].startswith("run")


@pytest.fixture
def interruptible():
    """Python's own answer to SIGINT, which whoever is started in the background of a shell does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_is_noticed_also_by_whom_a_library_kept_it_from():
    with catch_stop_signals() as stop_signal:
        assert not stop_signal.number
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stop_signal.number == signal.SIGINT
        assert stop_signal.number == signal.SIGINT
    with catch_stop_signals() as stop_signal:
        assert not stop_signal.number


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_block_that_a_signal_ends_says_which_one(number):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped) as stopped, catch_stop_signals():
        signal.raise_signal(number)
    assert stopped.value.number == number
    assert signal.getsignal(signal.SIGTERM) == before


def test_on_a_terminal_it_is_drawn_and_stays_and_in_a_pipe_there_are_lines(monkeypatch, capsys):
    with LiveTable("Day 1").display() as board:
        log_progress(ProgressEvent(kind=ProgressKind.MATERIALIZED, asset="raw/shop/orders", line="raw/shop/orders"))
        log_progress(ProgressEvent(kind=ProgressKind.CHECKED, asset="raw/shop/orders", line="not told"))
        log_progress(ProgressEvent(kind=ProgressKind.WAITING, line="Waiting for run 1"))
        log_progress(GONE)
    log_progress(GONE)  # the run is over, and nobody shows it any more
    assert capsys.readouterr().err.splitlines() == [
        "Day 1: loading Dagster and dbt",
        "raw/shop/orders",
        "Waiting for run 1",
        "Table x is gone",
    ]
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        board = board_of(tables=1)
        with board.display():
            log_progress(GONE)
            stored(board, 0, rows_added_c=7)
        assert board.is_live
    monkeypatch.undo()
    seen = b""
    while b"table_0" not in seen or b"done" not in seen:
        seen += os.read(leader, 65536)
    os.close(leader)
    assert b"Table x is gone" in seen


@pytest.mark.usefixtures("interruptible")
def test_what_a_signal_made_fail_is_not_shown(capsys):
    with catch_stop_signals() as stop_signal, LiveTable("Day 1", stop_signal=stop_signal).display():
        log_progress(GONE)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        log_progress(GONE)
    assert capsys.readouterr().err.splitlines() == ["Day 1: loading Dagster and dbt", GONE.line]


WRITING = """
import sys
from refera_platform.cli import output
for line in range(50):
    output.print_message("progress")
    output.results_console().print("result")
sys.exit(3)
"""


def test_whose_output_nobody_reads_goes_on_and_its_exit_code_is_its_own():
    command = f"'{sys.executable}' -c '{WRITING}' 2>&1 | head -1; echo \"${{PIPESTATUS[0]}}\""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["progress", "3"]
    assert done.stderr == ""
