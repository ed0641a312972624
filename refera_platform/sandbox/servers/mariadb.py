"""The local MariaDB: its programs, option file and accounts, with one data folder below home.

Starts no server: ``process`` does. The statements that create the accounts run at every start, so that they always
match ``stack.json``, also after that file was lost.

    prepare_mariadb() ──▶ data folder, my.cnf, init.sql ──▶ mariadb_command() ──▶ mariadb_unready_reason() is ""
"""

import functools
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pymysql

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.servers import short_socket
from refera_platform.sandbox.servers.process import PROGRAM_FOLDERS, Daemon, server_environment
from refera_platform.sandbox.stack_file import Account, DatabaseAddress, write_private_file

INSTALL_REMEDIES = {
    "linux": "`make setup` installs it; by hand it is `apt-get install mariadb-server-core mariadb-client`.",
    "darwin": "install it with `brew install mariadb`.",
}
MARIADB_OPTIONS: Mapping[str, str] = {
    "bind_address": "127.0.0.1",
    "skip_name_resolve": "ON",
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_general_ci",
    "default_time_zone": "+00:00",
    "local_infile": "ON",
    "max_allowed_packet": "1G",
    "performance_schema": "OFF",
    # the binlog, complete enough to rebuild every row before and after
    "log_bin": "binlog",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "binlog_row_metadata": "FULL",
    "gtid_strict_mode": "ON",
    "expire_logs_days": "30",
    "max_binlog_size": "256M",
    # a sample business: a killed server loses nothing; a crash of the machine may lose a second
    "innodb_flush_log_at_trx_commit": "2",
    "sync_frm": "OFF",
    "innodb_buffer_pool_size": "256M",
    "innodb_log_file_size": "128M",
}
MARIADB_ANSWER_TIMEOUT_SECONDS = 2.0
"""Most seconds that a healthy server takes; another process on the port may never answer."""
INSTALL_OPTIONS: dict[str, str] = {"innodb_log_file_size": "8M", "innodb_buffer_pool_size": "16M"}


def mariadb_daemon(home: Path) -> Daemon:
    """The server of this home."""
    folder = home / "mariadb"
    return Daemon(
        name="MariaDB",
        executable="mariadbd",
        identifying_argument=f"--defaults-file={folder / 'my.cnf'}",
        folder=folder,
        data=folder / "data",
        log_path=home / "logs" / "mariadb.log",
        stop_timeout_seconds=30,
    )


def mariadb_command(server: Daemon) -> list[str]:
    """Command line that starts the server."""
    return [mariadb_program("mariadbd"), server.identifying_argument]


def mariadb_program(name: str) -> str:
    """Path of one of MariaDB's programs.

    Raises:
        LocalStackError: if it is not installed.
    """
    path = shutil.which(name) or shutil.which(name, path=":".join(PROGRAM_FOLDERS))
    if path is None:
        raise LocalStackError(
            f"MariaDB is not installed ({name} was not found):", INSTALL_REMEDIES.get(sys.platform, "")
        )
    return path


def socket_of(home: Path) -> Path:
    """Path of the server's Unix socket."""
    return short_socket.short_socket_path(home / "mariadb" / "mariadbd.sock")


def prepare_mariadb(home: Path, address: DatabaseAddress) -> None:
    """Create the data folder when it is missing, and write the option file and accounts of this start."""
    server = mariadb_daemon(home)
    server.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not server.data.exists():
        new_data = install_data_folder(server.folder)
        # identifies this source for as long as its data exist
        write_private_file(new_data / "refera.server_id", str(1 + secrets.randbelow(2**32 - 1)))
        new_data.replace(server.data)
    (server.folder / "tmp").mkdir(exist_ok=True)
    options = {
        **MARIADB_OPTIONS,
        "datadir": str(server.data),
        "tmpdir": str(server.folder / "tmp"),
        "port": str(address.port),
        "socket": address.socket,
        "pid_file": str(server.folder / "mariadbd.pid"),
        "init_file": str(server.folder / "init.sql"),
        "server_id": (server.data / "refera.server_id").read_text().strip(),
    }
    write_private_file(server.folder / "init.sql", _accounts_sql(address))
    write_private_file(server.folder / "my.cnf", option_file_text("mariadbd", options))


def install_data_folder(folder: Path, options: Mapping[str, str] = INSTALL_OPTIONS) -> Path:
    """Create a data folder with MariaDB's own tables, ``folder/data.new``.

    Raises:
        LocalStackError: if MariaDB cannot create it.
    """
    shutil.rmtree(folder / "data.new", ignore_errors=True)
    # a temporary folder of its own: in a shared one, a starting server removes other servers' files
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    write_private_file(folder / "install.cnf", option_file_text("mariadbd", {**options, "tmpdir": str(temporary)}))
    # relative names: the script does not quote its own, and the path may contain blanks
    completed = subprocess.run(  # noqa: S603 - the command is ours
        [
            mariadb_program("mariadb-install-db"),
            "--defaults-file=./install.cnf",
            "--datadir=./data.new",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
            "--skip-name-resolve",
        ],
        cwd=folder,
        env=server_environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        log_path = folder / "install.log"
        log_path.write_text(completed.stdout + completed.stderr)
        lines = [line.strip() for line in completed.stderr.splitlines() if line.strip()] or ["it did not say why"]
        error_line = next((line for line in lines if "[ERROR]" in line), lines[-1]).partition("[ERROR] ")
        raise LocalStackError(
            f"MariaDB could not make its data folder in {folder}: {error_line[2] or error_line[0]} (log: {log_path})."
        )
    return folder / "data.new"


def option_file_text(section: str, options: Mapping[str, str]) -> str:
    """An option file of one section; the server's also sets whether it may run as root."""
    may_be_root = {"user": "root"} if section == "mariadbd" and os.geteuid() == 0 else {}
    lines = [f'{name} = "{value}"' for name, value in {**options, **may_be_root}.items()]
    return "\n".join([f"[{section}]", *lines]) + "\n"


def client_command(options: Path, database: str) -> list[str]:
    """Command line of MariaDB's own client that only reads statements: no client commands, files or shell."""
    path = mariadb_program("mariadb")
    return [
        path,
        f"--defaults-file={options}",
        "--batch",
        "--binary-mode",
        *_sandbox_flag(path),
        "--local-infile=0",
        "--loose-skip-print-query-on-error",
        # a table option of another version is only a warning
        "--init-command=set innodb_strict_mode = 0",
        database,
    ]


@functools.cache
def _sandbox_flag(path: str) -> tuple[str, ...]:
    """The client's option to refuse files and shells, where it has one; ``--binary-mode`` refuses most of it anyway."""
    help_text = subprocess.run([path, "--no-defaults", "--help"], capture_output=True, text=True, check=False)  # noqa: S603
    return ("--sandbox",) if "--sandbox" in help_text.stdout else ()


def client_option_file_text(user: str, password: str, socket: Path) -> str:
    """An option file for MariaDB's client programs, so that no password is an argument."""
    account = {"user": user, "password": password, "socket": str(socket)}
    return option_file_text("client", account | {"default-character-set": "utf8mb4", "max-allowed-packet": "1G"})


def mariadb_unready_reason(address: DatabaseAddress, timeout_seconds: float = MARIADB_ANSWER_TIMEOUT_SECONDS) -> str:
    """Why the reader account gets no answer within the timeout; empty when it does."""
    try:
        with (
            closing(connect_mariadb(address, address.reader, timeout_seconds=timeout_seconds)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("select 1")
    except (pymysql.MySQLError, OSError) as refused:
        return str(refused.args[-1] if refused.args else refused)
    return ""


def connect_mariadb(
    address: DatabaseAddress, account: Account, timeout_seconds: float | None = None
) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    """An open session of one of the server's accounts; with ``timeout_seconds``, no answer may take longer."""
    return pymysql.connect(
        host=address.host,
        port=address.port,
        user=account.user,
        password=account.password,
        database=address.database,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=5,
        read_timeout=timeout_seconds,
        ssl_disabled=True,  # the connection never leaves this machine
    )


def _accounts_sql(address: DatabaseAddress) -> str:
    """The accounts and their privileges; one statement a line, as ``init_file`` requires."""
    database = address.database
    inner = database.replace("_", r"\_") + r"\_\_%"
    sql_lines = [
        "SET sql_log_bin = 0",
        "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost')",
        "FLUSH PRIVILEGES",
        f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{address.root.password}'",
        f"CREATE DATABASE IF NOT EXISTS `{database}`",
    ]
    for host in ("localhost", "127.0.0.1"):
        admin, reader = f"'{address.admin.user}'@'{host}'", f"'{address.reader.user}'@'{host}'"
        for user, account in ((admin, address.admin), (reader, address.reader)):
            sql_lines += [
                f"CREATE USER IF NOT EXISTS {user}",
                f"ALTER USER {user} IDENTIFIED BY '{account.password}'",
            ]
        sql_lines += [
            f"GRANT ALL PRIVILEGES ON `{database}`.* TO {admin}",
            f"GRANT ALL PRIVILEGES ON `{inner}`.* TO {admin}",
            f"GRANT BINLOG ADMIN, BINLOG MONITOR ON *.* TO {admin}",
            f"GRANT SELECT, SHOW VIEW ON `{database}`.* TO {reader}",
            f"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {reader}",
        ]
    return "".join(f"{statement};\n" for statement in sql_lines)
