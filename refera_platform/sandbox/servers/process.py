"""Processes of the local servers: found by their command line, started detached, stopped reliably.

No PID file is used, since its number could belong to another process by now. A server is found in the process table
by the path of its option file or data folder in the command line.

    Daemon ──▶ launch_daemon() ──▶ await_ready() … pid_of() … stop_daemon()
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.servers import server_log

PROGRAM_FOLDERS = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/libexec",
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/mariadb/bin",
    "/usr/local/opt/mariadb/bin",
)
"""Folders of server programs, including those that are not on every PATH."""
START_TIMEOUT_SECONDS = 120.0
KILL_TIMEOUT_SECONDS = 20.0
PROC_FOLDER = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A local server, whether or not it runs."""

    name: str
    executable: str
    """Name of the program, without its folder."""
    identifying_argument: str
    """The argument that no other process carries."""
    folder: Path
    """Working folder."""
    data: Path
    log_path: Path
    stop_timeout_seconds: float
    """Seconds to stop by itself; then it is killed, which its data survive."""


def server_environment(folder: Path) -> dict[str, str]:
    """Environment of a local server: none of the user's settings and secrets."""
    return {"PATH": ":".join(PROGRAM_FOLDERS), "HOME": str(folder), "LANG": "C.UTF-8", "TZ": "UTC"}


def pid_of(daemon: Daemon) -> int | None:
    """PID of this server, if it runs."""
    for pid, line in _running_commands():
        if (
            f" {daemon.identifying_argument} " in line
            and daemon.executable in line.partition(daemon.identifying_argument)[0]
        ):
            return pid
    return None


def launch_daemon(daemon: Daemon, command: Sequence[str], extra: dict[str, str] | None = None) -> int:
    """Start the server in a session of its own, so that it outlives this process; returns its PID."""
    server_log.rotate_log(daemon.log_path)
    with daemon.log_path.open("ab") as log_stream:
        child = subprocess.Popen(  # noqa: S603 - the command is ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=log_stream,
            stderr=log_stream,
            cwd=daemon.folder,
            start_new_session=True,
            env=server_environment(daemon.folder) | (extra or {}),
            umask=0o077,  # its files and sockets are its owner's only, whatever our umask is
        )
    # reap it when it ends, or it would stay a zombie as long as this process lives
    threading.Thread(target=child.wait, daemon=True, name=f"wait for {daemon.name}").start()
    return child.pid


def await_ready(
    daemon: Daemon, pid: int, unready_reason: Callable[[], str], timeout_seconds: float = START_TIMEOUT_SECONDS
) -> None:
    """Wait until ``unready_reason()`` is empty.

    Raises:
        LocalStackError: if the server stops or does not answer in time, with its last error.
    """
    deadline = time.monotonic() + timeout_seconds
    while reason := unready_reason():
        if not is_alive(pid):
            raise LocalStackError(*server_log.explain_failure(f"{daemon.name} stopped while starting", daemon.log_path))
        if time.monotonic() > deadline:
            state = f"{daemon.name} did not answer within {timeout_seconds:.0f} s ({reason})"
            raise LocalStackError(*server_log.explain_failure(state, daemon.log_path))
        time.sleep(0.02)


def stop_daemon(daemon: Daemon) -> bool:
    """Ask the server to stop, and kill it when it does not; returns whether it was running.

    Raises:
        LocalStackError: if it cannot be stopped.
    """
    pid = pid_of(daemon)
    if pid is None:
        return False
    for number, seconds in ((signal.SIGTERM, daemon.stop_timeout_seconds), (signal.SIGKILL, KILL_TIMEOUT_SECONDS)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError as error:
            raise LocalStackError(
                f"{daemon.name} (process {pid}) belongs to another user:", "stop it as that user."
            ) from error
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not is_alive(pid):
                return True
            time.sleep(0.01)
    raise LocalStackError(f"{daemon.name} (process {pid}) does not stop, not even when killed.")


def is_alive(pid: int) -> bool:
    """Whether the process still holds its files and ports."""
    if sys.platform != "linux":
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, 0)
            return True
        return False
    try:
        fields = (PROC_FOLDER / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    state, threads = fields[0], int(fields[17])
    return state not in "ZX" or threads > 1


def uptime_seconds(pid: int) -> float | None:
    """Seconds since the process started."""
    if sys.platform != "linux":
        return _parse_elapsed(_ps("-p", str(pid), "-o", "etime=").strip())
    try:
        ticks = int((PROC_FOLDER / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
        since_boot = float((PROC_FOLDER / "uptime").read_text().split()[0])
    except OSError:
        return None
    return max(0.0, since_boot - ticks / os.sysconf("SC_CLK_TCK"))


def _parse_elapsed(elapsed: str) -> float | None:
    """The seconds of ``days-hours:minutes:seconds``, the format of ``ps``."""
    if not elapsed:
        return None
    days, _, clock = elapsed.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = seconds * 60 + int(part)
    return float(seconds + 86_400 * int(days or 0))


def _running_commands() -> Iterator[tuple[int, str]]:
    """PID and command line of every visible process; arguments are between blanks."""
    if sys.platform != "linux":
        for row in _ps("-axwwo", "pid=,command=").splitlines():
            number, _, command = row.strip().partition(" ")
            yield int(number), f" {command} "
        return
    for entry in PROC_FOLDER.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                yield int(entry.name), f" {os.fsdecode(b' '.join(arguments))} "


def _ps(*options: str) -> str:
    return subprocess.run(["/bin/ps", *options], capture_output=True, text=True, check=False).stdout  # noqa: S603
