"""DuckDB sessions as the platform wants them: bounded, offline, in UTC, and never telling a secret.

Stage ──▶ session() ──▶ duckdb connection (extensions linked, S3 secret made, memory bounded)
"""

import fcntl
import functools
import importlib.resources
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.loaders
import botocore.session
import duckdb
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from refera_platform.disk import full, is_full
from refera_platform.errors import SettingError
from refera_platform.stage import LOOPBACK, ObjectStore, Stage

EXTENSIONS = ("httpfs",)
SCRATCH_PREFIX = "session-"
ONE_AT_A_TIME = threading.Lock()
"""Held while a client of the shared session is made: botocore's sessions serve one thread, its clients all of them."""


def quoted(identifier: str) -> str:
    """An SQL identifier in double quotes, whatever it contains."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string literal, whatever it contains."""
    return "'" + text.replace("'", "''") + "'"


@functools.cache
def _platform() -> str:
    """What DuckDB calls this machine; asked on a connection of its own, since the module's own serves one thread."""
    with duckdb.connect() as connection:
        found = connection.execute("select platform from pragma_platform()").fetchone()
    return str(found[0] if found else "")


def extension_directory(home: Path) -> Path:
    """A DuckDB extension directory of links to the signed builds installed from PyPI; nothing is downloaded."""
    root = home / "duckdb-extensions"
    folder = root / f"v{duckdb.__version__}" / _platform()
    folder.mkdir(parents=True, exist_ok=True)
    for name in EXTENSIONS:
        package = importlib.resources.files(f"duckdb_extension_{name}")
        built = Path(str(package)) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        link = folder / built.name
        if link.is_symlink() and link.readlink() == built:
            continue
        fresh = Path(tempfile.mkdtemp(dir=folder)) / built.name
        fresh.symlink_to(built)
        fresh.replace(link)  # a rename, so that two processes preparing at once do not meet
        fresh.parent.rmdir()
    return root


@functools.cache
def _require_signed(directory: Path) -> None:
    """Let DuckDB check who signed its extensions: 0.1 s of CPU each time, so once a process and not once a session.

    Raises:
        SettingError: when a file is not what its authors signed, or cannot be loaded.
    """
    try:
        with duckdb.connect(config={"extension_directory": str(directory)}) as connection:
            for name in EXTENSIONS:
                connection.execute(f"load {name}")
    except duckdb.Error as trouble:
        raise SettingError(
            f"DuckDB refused an extension in {directory} ({str(trouble).splitlines()[0].rstrip('.')}):",
            "install the requirements again.",
        ) from None


def configuration(stage: Stage) -> dict[str, str | bool | int | float | list[str]]:
    """Options a connection must be opened with, for every session of a stage."""
    return {
        "extension_directory": str(extension_directory(stage.home)),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": stage.memory_limit,
    }


@contextmanager
def scratch(stage: Stage) -> Iterator[Path]:
    """A folder of one's own for as long as the block lasts; what killed processes left is removed.

    Raises:
        SettingError: when nothing can be written below the stage's home.
    """
    with ExitStack() as owned:
        try:
            private_folder(stage.scratch)
            # behind one door, so that nobody takes a folder that was made this moment for a left one
            with stage.scratch.with_suffix(".lock").open("w") as door:
                fcntl.flock(door, fcntl.LOCK_EX)
                folder = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=stage.scratch))
                owner = owned.enter_context((folder / ".lock").open("w"))
                fcntl.flock(owner, fcntl.LOCK_EX)
                for other in stage.scratch.glob(f"{SCRATCH_PREFIX}*"):
                    if other != folder:
                        _remove_if_left(other)
        except OSError as trouble:
            if is_full(trouble):
                raise full(trouble) from None
            raise SettingError(
                f"Nothing can be written in {stage.scratch} ({trouble.strerror}):", "check REFERA_HOME."
            ) from None
        owned.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def private_folder(folder: Path) -> None:
    """Make a folder below a stage's home, and the home when it is missing, for their owner alone.

    One that others may enter is closed to them; a home that somebody else made stays as it is.

    Raises:
        OSError: when it cannot be made.
    """
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.stat()
        if found.st_mode & 0o007 and found.st_uid == os.getuid():
            folder.chmod(found.st_mode & 0o770)


def _remove_if_left(folder: Path) -> None:
    """Remove a session's folder when nobody holds its lock: its process was killed."""
    try:
        with (folder / ".lock").open() as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except (BlockingIOError, FileNotFoundError):
        return  # it is in use, or its owner has just removed it


@contextmanager
def session(
    stage: Stage, folder: Path, *, s3: bool = True, caching: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that spills into ``folder`` and can read the stage's buckets.

    Args:
        stage: Whose buckets, and how much memory.
        folder: Local folder of the session.
        s3: Whether buckets are read at all.
        caching: Whether DuckDB may keep what it read of files. For sessions that write no file: of two files that
            one after the other had a name within a second, it takes the second for the first now and then
            (DuckDB 1.5.5, three times in four thousand).
    """
    options = {"temp_directory": str(folder / "spill"), "enable_external_file_cache": str(caching).lower()}
    if s3:
        _require_signed(extension_directory(stage.home))
        options["allow_unsigned_extensions"] = "true"  # until the one that was checked is loaded
    connection = duckdb.connect(config={**configuration(stage), **options})
    try:
        connection.execute("set TimeZone = 'UTC'")
        if s3:
            connection.execute("load httpfs; set allow_unsigned_extensions = false")
            open_store(connection, stage.store)
        yield connection
    finally:
        connection.close()


def open_store(connection: duckdb.DuckDBPyConnection, store: ObjectStore) -> None:
    """Let ``connection`` read ``s3://`` addresses of the store."""
    key, secret, token = _credentials(store)
    options = {"type": "s3", "key_id": key, "secret": secret, "region": store.region}
    if token:
        options["session_token"] = token
    if store.endpoint:
        scheme, _, address = store.endpoint.partition("://")
        tls = str(scheme == "https").lower()
        options |= {"endpoint": address.rstrip("/"), "url_style": "path", "use_ssl": tls}
    create_secret(connection, "refera_store", options)
    if urlsplit(store.endpoint).hostname in LOOPBACK:
        # its other client, curl, takes the proxy of the environment whatever is set here
        connection.execute("set httpfs_client_implementation = 'httplib'; set http_proxy = ''")


def create_secret(connection: duckdb.DuckDBPyConnection, name: str, options: dict[str, str]) -> None:
    """Make a DuckDB secret; its values are literals of one statement that no error repeats."""
    connection.execute("load httpfs")
    settings = ", ".join(f"{key} {literal(value)}" for key, value in options.items())
    try:
        connection.execute(f"create or replace secret {quoted(name)} ({settings})")
    except duckdb.Error as trouble:
        hidden = redact(
            str(trouble), [value for key, value in options.items() if key not in {"type", "region"}]
        )
        raise SettingError(f"DuckDB refused the credentials: {hidden}") from None


def redact(text: str, secrets: Sequence[str]) -> str:
    """The text with every secret replaced, and with passwords in URLs replaced."""
    for secret in sorted((value for value in secrets if value), key=len, reverse=True):
        text = text.replace(secret, "***")
    return re.sub(r"(?<=://)([^:/@\s]+):[^@\s]+@", r"\1:***@", text)


def client(store: ObjectStore, *, attempts: int = 4, patience: float = 60) -> Any:
    """A boto3 S3 client of the store; typed ``Any`` because boto3 makes its clients at run time."""
    return aws_client(store, "s3", endpoint=store.endpoint, attempts=attempts, patience=patience)


def aws_client(
    store: ObjectStore, service: str, *, endpoint: str = "", attempts: int = 4, patience: float = 60
) -> Any:
    """A boto3 client of another service, in the region and with the credentials of the store.

    Args:
        store: Which region and credentials.
        service: As boto3 calls it.
        endpoint: Address of a server that is not AWS.
        attempts: How often a request is made at most.
        patience: Seconds without a byte of an answer after which the server counts as gone.
    """
    host = urlsplit(endpoint).hostname or ""
    config = Config(
        s3={"addressing_style": "path" if endpoint else "auto"},
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=5,
        read_timeout=patience,
        tcp_keepalive=True,
        # an office's proxy has nothing to do with a server on this machine
        proxies={} if host in LOOPBACK else None,
    )
    try:
        with ONE_AT_A_TIME if store.access_key else nullcontext():
            session: Any = _session_without_profile() if store.access_key else _session(None)
            return session.client(
                service, endpoint_url=endpoint or None, region_name=store.region,
                aws_access_key_id=store.access_key or None, aws_secret_access_key=store.secret_key or None,
                config=config,
            )  # fmt: skip
    except BotoCoreError as trouble:
        raise SettingError(
            f"The AWS settings cannot be used ({trouble}):", "correct AWS_* or the profile."
        ) from None


def _session(variables: dict[str, Any] | None) -> boto3.session.Session:
    """The user's AWS session, of this moment's environment."""
    own = botocore.session.Session(session_vars=variables)
    own.register_component("data_loader", _models_of_services())
    return boto3.session.Session(botocore_session=own)


@functools.cache
def _session_without_profile() -> boto3.session.Session:
    """For stores that bring their own keys; to make it takes longer than a client.

    What ``[default]`` of the user's AWS configuration says besides keys counts as it was when the process first asked.
    """
    return _session({"profile": (None, [], None, None)})


@functools.cache
def _models_of_services() -> botocore.loaders.Loader:
    """What botocore knows of S3: 0.1 s to read, so it is read once for all clients of the process."""
    return botocore.loaders.create_loader()


def _credentials(store: ObjectStore) -> tuple[str, str, str]:
    if store.access_key:
        return store.access_key, store.secret_key, ""
    found = boto3.session.Session().get_credentials()
    if found is None:
        raise SettingError(
            "No AWS credentials were found:", "give the process a role, a profile or AWS_* variables."
        )
    frozen = found.get_frozen_credentials()
    return frozen.access_key or "", frozen.secret_key or "", frozen.token or ""
