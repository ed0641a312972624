"""Commands of ``refera`` as people type them: a process each, with its own arguments, variables and output.

The process is forked from one that has imported everything before, which spares each command seconds of Python's start.
``is_cold`` starts the installed program instead, as a shell does; every command is typed so at least once.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path

REFERA = Path(sys.executable).parent / "refera"
TIMEOUT_SECONDS = 280
WARM = ForkServerContext()
WARM.set_forkserver_preload(
    [
        "refera_platform.cli.main",
        "refera_platform.cli.query",
        "refera_platform.cli.report",
        "refera_platform.cli.run",
        "refera_platform.cli.verify",
        "refera_platform.definitions",
    ]
)


def typed(home, *words, env=None, is_cold=False, text=True, input=b""):
    """A command that has ended: its exit code, its standard output and its standard error."""
    variables = {**os.environ, "REFERA_HOME": str(home), **(env or {})}
    variables.pop("COLUMNS", None)
    given = input.encode() if isinstance(input, str) else input
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("in", "out", "err")]
        streams[0].write_bytes(given)
        code = (_cold if is_cold else _warm)([str(REFERA), *words], variables, streams)
        out, err = (path.read_bytes() for path in streams[1:])
    if text:
        return subprocess.CompletedProcess(words, code, out.decode(), err.decode())
    return subprocess.CompletedProcess(words, code, out, err)


def said(done):
    """The error of a command that failed as it should: a sentence and no traceback."""
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def _cold(arguments: list[str], variables: Mapping[str, str], streams: list[Path]) -> int:
    with streams[0].open("rb") as given, streams[1].open("wb") as out, streams[2].open("wb") as err:
        return subprocess.run(
            arguments, env=variables, stdin=given, stdout=out, stderr=err, timeout=TIMEOUT_SECONDS
        ).returncode


def _warm(arguments: list[str], variables: Mapping[str, str], streams: list[Path]) -> int:
    process = WARM.Process(target=_run_command, args=(arguments, dict(variables), streams))
    process.start()
    process.join(TIMEOUT_SECONDS)
    try:
        assert process.exitcode is not None, f"{arguments} never ended"
        return process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()


def _run_command(arguments: list[str], variables: Mapping[str, str], streams: list[Path]) -> None:
    """What the process does: the standard streams, arguments and variables of a command, and then the command."""
    from refera_platform.cli.main import main

    for number, (path, mode) in enumerate(zip(streams, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        opened = os.open(path, mode | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = arguments
    main()
