"""A throw-away MariaDB in which a file of unknown origin does its worst.

It listens on a socket only, has one account that may make databases and tables but own nothing of the server, reads
and writes no files for it, and is removed afterwards; what a killed run left is removed by the next one.

    open_server() ──▶ Scratch: client(…), session() ──▶ gone
"""

import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

from refera_platform.sandbox.servers import mariadb, process, short_socket
from refera_platform.sandbox.servers.process import Daemon
from refera_platform.sandbox.stack_file import write_private

PREFIX = "restore-"
USER = "loader"
DATABASE = "dump"
"""Where a dump without ``USE`` puts its tables."""
UNSAFE = {
    "innodb_flush_method": "nosync",
    "innodb_flush_log_at_trx_commit": "0",
    "innodb_doublewrite": "OFF",
    "debug_no_sync": "ON",
}
"""Nothing of it is worth waiting for a disk."""
OPTIONS = {
    "skip_networking": "ON",
    "skip_log_bin": "ON",
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_general_ci",
    "default_time_zone": "+00:00",
    "max_allowed_packet": "1G",
    "performance_schema": "OFF",
    # what a hostile file could reach the machine by
    "local_infile": "OFF",
    "symbolic_links": "OFF",
    "event_scheduler": "OFF",
    **UNSAFE,
    "innodb_buffer_pool_size": "256M",
    "innodb_log_file_size": "64M",
}


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """A running throw-away server."""

    home: Path
    folder: Path
    socket: Path
    option_file: Path
    """Address and account for MariaDB's own client programs."""
    password: str

    @contextmanager
    def session(self, database: str | None = None) -> Iterator[pymysql.cursors.Cursor]:
        """An open session of the one account."""
        # dialled by hand: PyMySQL leaves its own open when nobody answers
        with closing(socket.socket(socket.AF_UNIX)) as line:
            line.connect(str(self.socket))
            connection = pymysql.connect(
                host="localhost",
                user=USER,
                password=self.password,
                database=database,
                charset="utf8mb4",
                autocommit=True,
                defer_connect=True,
                ssl_disabled=True,
            )
            connection.connect(line)
            with closing(connection), connection.cursor() as cursor:
                yield cursor

    def trouble(self) -> str:
        """Why it does not answer yet; empty when it does."""
        try:
            with self.session(DATABASE) as cursor:
                cursor.execute("select 1")
        except (pymysql.MySQLError, OSError) as refused:
            return str(refused)
        return ""


def daemon(folder: Path, home: Path) -> Daemon:
    """The server of one folder."""
    return Daemon(
        name="The scratch MariaDB",
        executable="mariadbd",
        mark=f"--defaults-file={folder / 'my.cnf'}",
        folder=folder,
        data=folder / "data",
        log=home / "logs" / "restore.log",
        patience=0,
    )


def daemons(home: Path) -> list[Daemon]:
    """The servers of all folders there are, running or left by a killed run."""
    return [daemon(folder, home) for folder in (home / "scratch").glob(f"{PREFIX}*")]


def clear(home: Path) -> None:
    """Stop and remove them all."""
    for server in daemons(home):
        process.stop(server)
        short_socket.remove(_socket(server.folder))
        shutil.rmtree(server.folder, ignore_errors=True)


@contextmanager
def open_server(home: Path) -> Iterator[Scratch]:
    """A fresh server for as long as the block lasts.

    Raises:
        LocalStackError: if it cannot be started.
    """
    clear(home)
    (home / "scratch").mkdir(exist_ok=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=home / "scratch"))
        yield _started(home, daemon(folder, home))
    finally:
        clear(home)


def _started(home: Path, server: Daemon) -> Scratch:
    folder, password = server.folder, secrets.token_urlsafe(24)
    mariadb.install(folder, mariadb.INSTALL_OPTIONS | UNSAFE).replace(server.data)
    (folder / "nothing").mkdir()
    made = Scratch(
        home=home,
        folder=folder,
        socket=short_socket.path(_socket(folder)),
        option_file=folder / "client.cnf",
        password=password,
    )
    options = OPTIONS | {
        "datadir": str(server.data),
        "tmpdir": str(folder / "tmp"),
        "socket": str(made.socket),
        "pid_file": str(folder / "mariadbd.pid"),
        "init_file": str(folder / "init.sql"),
        # server-side reading, writing and loading of files happens in an empty folder
        "secure_file_priv": str(folder / "nothing"),
        "plugin_dir": str(folder / "nothing"),
    }
    write_private(folder / "init.sql", _account(password))
    write_private(folder / "my.cnf", mariadb.option_file("mariadbd", options))
    write_private(made.option_file, mariadb.client_options(USER, password, made.socket))
    pid = process.launch(server, mariadb.command(server))
    process.await_ready(server, pid, made.trouble)
    return made


def _account(password: str) -> str:
    """One account, for every database but the server's own: the more specific grant hides the wider one."""
    user = f"'{USER}'@'localhost'"
    return "".join(
        f"{statement};\n"
        for statement in (
            f"CREATE DATABASE `{DATABASE}`",
            f"CREATE USER {user} IDENTIFIED BY '{password}'",
            f"GRANT ALL PRIVILEGES ON `%`.* TO {user}",
            f"GRANT SHOW VIEW ON mysql.* TO {user}",
            f"GRANT SHOW VIEW ON sys.* TO {user}",
            # dumps name the definers of their views, and switch off a binary log that is off already
            f"GRANT SET USER, BINLOG ADMIN, SHOW DATABASES ON *.* TO {user}",
            "DELETE FROM mysql.global_priv WHERE User IN ('root', '')",
            "FLUSH PRIVILEGES",
        )
    )


def _socket(folder: Path) -> Path:
    return folder / "mariadbd.sock"
