"""The local stack: starts, stops and describes MariaDB and SeaweedFS together.

start_stack() ──▶ lock ──▶ stack.json ──▶ SeaweedFS and MariaDB start in parallel ──▶ both answer a real request
stop_stack() ──▶ both stop in parallel;  stack_status() ──▶ what runs, its addresses and credentials
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

from refera_platform.errors import LocalStackError
from refera_platform.sandbox import folder
from refera_platform.sandbox import stack_file as address_file
from refera_platform.sandbox.dump import swap
from refera_platform.sandbox.lock import exclusive_lock
from refera_platform.sandbox.servers import mariadb, ports, process, scratch_mariadb, seaweedfs, server_log
from refera_platform.sandbox.servers.process import Daemon
from refera_platform.sandbox.stack_file import StackAddress
from refera_platform.sandbox.status import ServerStatus, StackStatus

__all__ = ["ServerStatus", "StackAddress", "StackStatus", "probe_stack", "stack_status", "start_stack", "stop_stack"]

STACK_LOCK_TIMEOUT_SECONDS = 180.0
PROBE_TIMEOUT_SECONDS = 5.0
"""A server that takes longer counts as not answering."""
MAX_PORT_ATTEMPTS = 3
"""How often a port may be taken by another process between its check and the server's start."""

OnStep = Callable[[str], None]


def ignore_step(line: str) -> None:
    """Ignore progress."""


def start_stack(home: Path, on_progress: OnStep = ignore_step) -> StackAddress:
    """Start the servers that do not run yet, and wait until they answer.

    Args:
        home: Folder of the stack; created when it does not exist.
        on_progress: Called with a line about each step that takes a while.

    Raises:
        LocalStackError: if a server cannot be started, with its last error and the path of its log file.
    """
    home = home.resolve()
    with folder.os_errors_explained(home):
        folder.claim_home(home)
        with _lock_stack(home):
            address = _ensure_address(home)
            for _ in range(MAX_PORT_ATTEMPTS):
                address = _with_free_ports(home, address, on_progress)
                if _start_servers(home, address, on_progress):
                    swap.finish_interrupted_swap(home, address)
                    return address
    raise LocalStackError(
        "Other processes took each port just before the private servers could:", "run `refera up` again."
    )


def stop_stack(home: Path, wipe: bool = False) -> None:
    """Stop the servers; with ``wipe``, delete their data too.

    Raises:
        LocalStackError: if a server cannot be stopped, or ``home`` is not a folder of the stack.
    """
    home = home.resolve()
    if not home.is_dir():
        return
    if wipe:
        folder.require_stack_folder(home)
    elif not any(process.pid_of(server) for server in (*_daemons(home), *scratch_mariadb.scratch_daemons(home))):
        return
    with folder.os_errors_explained(home), _lock_stack(home):
        servers = [*_daemons(home), *scratch_mariadb.scratch_daemons(home)]
        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(process.stop_daemon, servers))
        with suppress(LocalStackError):
            if address := address_file.read_stack_address(home):
                seaweedfs.remove_sockets(address.s3)
        if wipe:
            folder.wipe_home(home)


def stack_status(home: Path) -> StackStatus:
    """State, addresses and credentials of the servers; starts nothing.

    Raises:
        LocalStackError: if ``stack.json`` does not describe a stack.
    """
    home = home.resolve()
    address = address_file.read_stack_address(home)
    addresses = ("", "") if address is None else (f"{address.mariadb.host}:{address.mariadb.port}", address.s3.endpoint)
    return StackStatus(
        home=home,
        servers=tuple(ServerStatus.of_daemon(server, at) for server, at in zip(_daemons(home), addresses, strict=True)),
        address=address,
    )


def probe_stack(home: Path) -> StackStatus:
    """Like ``stack_status``, but each running server is probed: a suspended process has a PID, too.

    Raises:
        LocalStackError: if ``stack.json`` does not describe a stack.
    """
    unprobed = stack_status(home)
    if unprobed.address is None or not any(server.is_running for server in unprobed.servers):
        return unprobed
    from refera_platform.sandbox.servers.bucket import BucketProbe

    database, store = unprobed.address.mariadb, unprobed.address.s3
    probes = (
        lambda: not mariadb.mariadb_unready_reason(database, PROBE_TIMEOUT_SECONDS),
        lambda: BucketProbe(store, timeout_seconds=PROBE_TIMEOUT_SECONDS).is_answering(),
    )
    with ThreadPoolExecutor(len(probes)) as pool:
        answers = [
            pool.submit(question) if server.is_running else None
            for server, question in zip(unprobed.servers, probes, strict=True)
        ]
        servers = tuple(
            replace(server, answers=answer.result() if answer else None)
            for server, answer in zip(unprobed.servers, answers, strict=True)
        )
    return replace(unprobed, servers=servers)


def _daemons(home: Path) -> tuple[Daemon, Daemon]:
    return mariadb.mariadb_daemon(home), seaweedfs.seaweedfs_daemon(home)


def _lock_stack(home: Path) -> AbstractContextManager[None]:
    return exclusive_lock(
        home / "stack.lock",
        timeout_seconds=STACK_LOCK_TIMEOUT_SECONDS,
        busy_message=f"Another process has been starting or stopping the stack in {home} for"
        f" {STACK_LOCK_TIMEOUT_SECONDS:.0f} s:",
    )


def _ensure_address(home: Path) -> StackAddress:
    """The stored address, or a new one; servers whose passwords were lost with the file are stopped."""
    address = address_file.read_stack_address(home)
    if address is None:
        for server in _daemons(home):
            process.stop_daemon(server)
        first = ports.pick_free_port(seaweedfs.PORT_OFFSETS.values())
        address = address_file.new_stack_address(
            mariadb_port=ports.pick_free_port(avoid=seaweedfs.port_block(first)),
            socket=mariadb.socket_of(home),
            s3_port=first + seaweedfs.PORT_OFFSETS["s3.port"],
            first_port=first,
        )
        address_file.write_stack_address(home, address)
    return address


def _with_free_ports(home: Path, address: StackAddress, on_progress: OnStep) -> StackAddress:
    """The address with new ports for those that another process holds, and with the socket of a moved home."""
    database, store = _daemons(home)
    moved = replace(address, mariadb=replace(address.mariadb, socket=str(mariadb.socket_of(home))))
    if process.pid_of(database) is None and ports.first_taken([address.mariadb.port]):
        port = ports.pick_free_port(avoid=seaweedfs.port_block(address.s3.first_port))
        on_progress(f"Port {address.mariadb.port} is taken by another process: MariaDB moves to {port}.")
        moved = replace(moved, mariadb=replace(moved.mariadb, port=port))
    if process.pid_of(store) is None and (taken := ports.first_taken(seaweedfs.port_block(address.s3.first_port))):
        first = ports.pick_free_port(seaweedfs.PORT_OFFSETS.values(), avoid=[moved.mariadb.port])
        on_progress(f"Port {taken} is taken by another process: SeaweedFS moves to {first}.")
        moved = replace(moved, s3=moved.s3.on_ports(first, first + seaweedfs.PORT_OFFSETS["s3.port"]))
    if moved != address:
        address_file.write_stack_address(home, moved)
    return moved


def _start_servers(home: Path, address: StackAddress, on_progress: OnStep) -> bool:
    """Start the servers that do not run, in parallel; ``False`` when another process took a port meanwhile."""
    database, store = _daemons(home)
    if process.pid_of(store) is not None and not seaweedfs.is_guarded(home):
        on_progress("Restarting SeaweedFS, with a certificate on its other ports.")
        process.stop_daemon(store)
    pids = {server: process.pid_of(server) for server in (database, store)}
    if (
        all(pids.values())
        and seaweedfs.is_answering(address.s3)
        and not mariadb.mariadb_unready_reason(address.mariadb)
    ):
        return True
    folder.require_disk_space(home)
    if pids[store] is None:
        on_progress("Starting SeaweedFS (S3).")
        seaweedfs.prepare_seaweedfs(home, address.s3)
        pids[store] = process.launch_daemon(
            store, seaweedfs.seaweedfs_command(store, address.s3), seaweedfs.SEAWEEDFS_ENVIRONMENT
        )
    if pids[database] is None:
        on_progress(
            "Starting MariaDB." if database.data.exists() else "Creating MariaDB's data folder and starting MariaDB."
        )
        mariadb.prepare_mariadb(home, address.mariadb)
        pids[database] = process.launch_daemon(database, mariadb.mariadb_command(database))
    # imported while the servers start: boto3 takes 0.3 s, and a running stack does not need it
    from refera_platform.sandbox.servers.bucket import BucketProbe

    checks = {
        database: lambda: mariadb.mariadb_unready_reason(address.mariadb),
        store: BucketProbe(address.s3).unready_reason,
    }
    for server, unready_reason in checks.items():
        try:
            process.await_ready(server, pids[server] or 0, unready_reason)
        except LocalStackError:
            if server_log.is_port_taken(server.log_path) and process.pid_of(server) is None:
                return False
            raise
    (database.folder / "init.sql").unlink(missing_ok=True)
    on_progress(f"MariaDB answers at {address.mariadb.host}:{address.mariadb.port}, S3 at {address.s3.endpoint}.")
    return True
