"""The private servers as one thing: up, down, and how they are.

up() ──▶ lock ──▶ stack.json ──▶ SeaweedFS and MariaDB start side by side ──▶ both answer a real question
down() ──▶ both stop side by side;  status() ──▶ what runs, where, and who may enter
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
from refera_platform.sandbox.lock import exclusive
from refera_platform.sandbox.servers import log_file, mariadb, ports, process, scratch_mariadb, seaweedfs
from refera_platform.sandbox.servers.process import Daemon
from refera_platform.sandbox.stack_file import StackAddress
from refera_platform.sandbox.status import ServerStatus, StackStatus

__all__ = ["ServerStatus", "StackAddress", "StackStatus", "asked", "down", "status", "up"]

LOCK_PATIENCE = 180.0
ANSWER_SECONDS = 5.0
"""A server that takes longer to answer does not."""
PORT_ATTEMPTS = 3
"""How often a port may be lost between the look at it and the server's taking it."""

Say = Callable[[str], None]


def silent(line: str) -> None:
    """A progress that nobody reads."""


def up(home: Path, progress: Say = silent) -> StackAddress:
    """Start whatever does not run yet, and wait until it answers.

    Args:
        home: Folder of the stack; made when it does not exist.
        progress: Called with a line about each step that takes a while.

    Raises:
        LocalStackError: if a server cannot be started, with its last words and the path of its log.
    """
    home = home.resolve()
    with folder.explained(home):
        folder.claim(home)
        with _lock(home):
            address = _address(home)
            for _ in range(PORT_ATTEMPTS):
                address = _with_free_ports(home, address, progress)
                if _started(home, address, progress):
                    swap.tidy(home, address)
                    return address
    raise LocalStackError(
        "Other processes took each port just before the private servers could:", "run `refera up` again."
    )


def down(home: Path, wipe: bool = False) -> None:
    """Stop what runs; with ``wipe``, forget the data too.

    Raises:
        LocalStackError: if a server cannot be stopped, or ``home`` holds things that are not ours to delete.
    """
    home = home.resolve()
    if not home.is_dir():
        return
    if wipe:
        folder.check_ours(home)
    elif not any(process.pid_of(server) for server in (*_daemons(home), *scratch_mariadb.daemons(home))):
        return
    with folder.explained(home), _lock(home):
        servers = [*_daemons(home), *scratch_mariadb.daemons(home)]
        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(process.stop, servers))
        with suppress(LocalStackError):
            if known := address_file.read(home):
                seaweedfs.remove_sockets(known.s3)
        if wipe:
            folder.wipe(home)


def status(home: Path) -> StackStatus:
    """What runs, where it answers, and who may enter; starts nothing.

    Raises:
        LocalStackError: if ``stack.json`` does not describe a stack.
    """
    home = home.resolve()
    address = address_file.read(home)
    places = ("", "") if address is None else (f"{address.mariadb.host}:{address.mariadb.port}", address.s3.endpoint)
    return StackStatus(
        home=home,
        servers=tuple(ServerStatus.of(server, at) for server, at in zip(_daemons(home), places, strict=True)),
        address=address,
    )


def asked(home: Path) -> StackStatus:
    """The same as ``status``, after each server that runs was asked something: a stopped process has a number, too.

    Raises:
        LocalStackError: if ``stack.json`` does not describe a stack.
    """
    found = status(home)
    if found.address is None or not any(server.running for server in found.servers):
        return found
    from refera_platform.sandbox.servers.bucket import Bucket

    database, store = found.address.mariadb, found.address.s3
    questions = (
        lambda: not mariadb.trouble(database, ANSWER_SECONDS),
        lambda: Bucket(store, patience=ANSWER_SECONDS).answers(),
    )
    with ThreadPoolExecutor(len(questions)) as pool:
        answers = [
            pool.submit(question) if server.running else None
            for server, question in zip(found.servers, questions, strict=True)
        ]
        servers = tuple(
            replace(server, answers=answer.result() if answer else None)
            for server, answer in zip(found.servers, answers, strict=True)
        )
    return replace(found, servers=servers)


def _daemons(home: Path) -> tuple[Daemon, Daemon]:
    return mariadb.daemon(home), seaweedfs.daemon(home)


def _lock(home: Path) -> AbstractContextManager[None]:
    return exclusive(
        home / "stack.lock",
        patience=LOCK_PATIENCE,
        busy=f"Another process has been starting or stopping the stack in {home} for {LOCK_PATIENCE:.0f} s:",
    )


def _address(home: Path) -> StackAddress:
    """What is kept, or new; servers whose passwords were lost with the file start anew."""
    known = address_file.read(home)
    if known is None:
        for server in _daemons(home):
            process.stop(server)
        first = ports.pick(seaweedfs.PORTS.values())
        known = address_file.new(
            mariadb_port=ports.pick(avoid=seaweedfs.block(first)),
            socket=mariadb.socket_of(home),
            s3_port=first + seaweedfs.PORTS["s3.port"],
            first_port=first,
        )
        address_file.write(home, known)
    return known


def _with_free_ports(home: Path, address: StackAddress, progress: Say) -> StackAddress:
    """The same address, but for ports that somebody else holds and a home that has moved."""
    database, store = _daemons(home)
    fresh = replace(address, mariadb=replace(address.mariadb, socket=str(mariadb.socket_of(home))))
    if process.pid_of(database) is None and ports.first_taken([address.mariadb.port]):
        port = ports.pick(avoid=seaweedfs.block(address.s3.first_port))
        progress(f"Port {address.mariadb.port} is taken by another process: MariaDB moves to {port}.")
        fresh = replace(fresh, mariadb=replace(fresh.mariadb, port=port))
    if process.pid_of(store) is None and (taken := ports.first_taken(seaweedfs.block(address.s3.first_port))):
        first = ports.pick(seaweedfs.PORTS.values(), avoid=[fresh.mariadb.port])
        progress(f"Port {taken} is taken by another process: SeaweedFS moves to {first}.")
        fresh = replace(fresh, s3=fresh.s3.moved(first, first + seaweedfs.PORTS["s3.port"]))
    if fresh != address:
        address_file.write(home, fresh)
    return fresh


def _started(home: Path, address: StackAddress, progress: Say) -> bool:
    """Start what does not run, side by side; ``False`` when a port was lost meanwhile."""
    database, store = _daemons(home)
    if process.pid_of(store) is not None and not seaweedfs.is_guarded(home):
        progress("Starting SeaweedFS anew, with its other doors closed.")
        process.stop(store)
    pids = {server: process.pid_of(server) for server in (database, store)}
    if all(pids.values()) and seaweedfs.answers(address.s3) and not mariadb.trouble(address.mariadb):
        return True
    folder.check_room(home)
    if pids[store] is None:
        progress("Starting SeaweedFS (S3).")
        seaweedfs.prepare(home, address.s3)
        pids[store] = process.launch(store, seaweedfs.command(store, address.s3), seaweedfs.ENVIRONMENT)
    if pids[database] is None:
        progress("Starting MariaDB." if database.data.exists() else "Making MariaDB's data folder and starting it.")
        mariadb.prepare(home, address.mariadb)
        pids[database] = process.launch(database, mariadb.command(database))
    # loaded while the servers start: boto3 takes 0.3 s, and a stack that is up does not need it
    from refera_platform.sandbox.servers.bucket import Bucket

    checks = {database: lambda: mariadb.trouble(address.mariadb), store: Bucket(address.s3).trouble}
    for server, trouble in checks.items():
        try:
            process.await_ready(server, pids[server] or 0, trouble)
        except LocalStackError:
            if log_file.says_port_taken(server.log) and process.pid_of(server) is None:
                return False
            raise
    (database.folder / "init.sql").unlink(missing_ok=True)
    progress(f"MariaDB answers at {address.mariadb.host}:{address.mariadb.port}, S3 at {address.s3.endpoint}.")
    return True
