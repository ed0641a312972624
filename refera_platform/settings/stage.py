"""Stage: every address and setting of a process, and the only module that reads environment variables.

A stage changes *where*, never *what*. ``local`` and ``test`` find their servers in the files that the
local stack writes under their home; ``production`` takes each address from the environment.

    environment ──▶ load_stage() ──▶ Stage ──▶ all other packages (which never read the environment)
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from refera_platform.clock import Clock
from refera_platform.errors import SettingError
from refera_platform.json_codec import decode_values, parse_json_object
from refera_platform.settings.alerts import AlertSettings
from refera_platform.settings.object_store import ObjectStore, parse_endpoint
from refera_platform.settings.runner import RunnerSettings
from refera_platform.settings.source_database import SourceDatabase

CHECKOUT_FOLDER = Path(__file__).resolve().parents[2]
PROJECT_FOLDER = CHECKOUT_FOLDER / "dbt"
MIN_HASH_KEY_BYTES = 16
"""Bytes below which a hash key could be found by brute force."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """All addresses and settings of one stage."""

    name: str
    home: Path
    """Folder for scratch files and Dagster's history; only the history is worth a backup."""
    databases: Mapping[str, SourceDatabase]
    store: ObjectStore
    lake: str
    """``s3://bucket/prefix`` of the raw objects, without a slash at the end."""
    warehouse: str
    """``s3://bucket/prefix`` of the published tables, without a slash at the end."""
    clock: Clock
    first_day: date
    """Oldest daily partition."""
    project_folder: Path = PROJECT_FOLDER
    """Folder that declares what the business says: its tables, models and questions."""
    memory_limit: str = "1GB"
    hash_key: bytes = field(default=b"", repr=False)
    """Key of the hashes of columns declared ``hashed``; empty when there are none."""
    glue_database: str = ""
    """Database of the Glue Data Catalog that the published tables are registered in; empty for none."""
    alerts: AlertSettings = field(default_factory=AlertSettings)
    """Routes of alerts; none by default."""
    is_previewed: bool = True
    """Whether Dagster shows some rows of each table, and keeps them in its event log."""
    runner: RunnerSettings = field(default_factory=RunnerSettings)
    """Where the source is read: in this process, or by a function on AWS Lambda."""

    @property
    def scratch(self) -> Path:
        """Folder for temporary files of runs."""
        return self.home / "scratch"

    def at_instant(self, instant: datetime) -> "Stage":
        """The same stage with its clock fixed at an instant: simulated days are dated days."""
        return replace(self, clock=replace(self.clock, fixed=instant))


def load_stage(environment: Mapping[str, str] | None = None, *, reads_source: bool = True) -> Stage:
    """The stage that the environment names.

    Args:
        environment: Variables; by default those of this process.
        reads_source: Whether the addresses of the databases are required; a function that only builds has none.

    Raises:
        SettingError: for an unknown stage, a missing or malformed variable, or a local stack that is not up.
    """
    env = os.environ if environment is None else environment
    name = env.get("REFERA_STAGE") or "local"
    stages = {"local": _local_stage, "test": _local_stage, "production": _production_stage}
    if name not in stages:
        raise SettingError(f"REFERA_STAGE={name!r} is not a stage:", f"choose one of {', '.join(stages)}.")
    stage = stages[name](name, env)
    if reads_source and not stage.databases and not stage.runner.is_lambda:
        raise SettingError("The production stage needs REFERA_CLASSICMODELS_URL:", "set it (README, Settings).")
    return stage


def child_environment(**changes: str) -> dict[str, str]:
    """The environment of this process with some changed variables, for a child process."""
    return {**os.environ, **changes}


def home_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Folder of the local stack, whether or not it is up."""
    env = os.environ if environment is None else environment
    return Path(env.get("REFERA_HOME") or CHECKOUT_FOLDER / ".refera").expanduser().resolve()


def project_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Folder of the project, of any stage."""
    env = os.environ if environment is None else environment
    return Path(env.get("REFERA_PROJECT") or PROJECT_FOLDER).expanduser().resolve()


def _local_stage(name: str, env: Mapping[str, str]) -> Stage:
    """The stage of the local stack: addresses and credentials are in its ``stack.json``."""
    folder = home_folder(env)
    stack = _read_json(folder / "stack.json")
    if stack is None:
        raise SettingError(f"No local stack has been started in {folder}:", "start it with `refera up`.")
    simulated_through = _simulated_through(folder / "sample.json")
    try:
        server, reader, bucket = stack["mariadb"], stack["mariadb"]["reader"], stack["s3"]["bucket"]
        address = {
            **{key: server[key] for key in ("host", "port")},
            **{key: reader[key] for key in ("user", "password")},
            "name": server["database"],
        }
        source = decode_values({**address, "ssl_mode": "disabled", "kind": "mariadb"}, SourceDatabase)
        keys = {key: stack["s3"][key] for key in ("endpoint", "region", "access_key", "secret_key")}
        store = decode_values(keys, ObjectStore)
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(
            f"{folder / 'stack.json'} does not describe a stack:", "remove it and run `refera up`."
        ) from error
    clock = _clock(env, at_least=simulated_through)
    return Stage(
        name=name,
        home=folder,
        databases={"classicmodels": source},
        store=store,
        lake=f"s3://{bucket}/raw",
        warehouse=f"s3://{bucket}/warehouse",
        clock=clock,
        first_day=_first_day(env),
        project_folder=project_folder(env),
        memory_limit=_memory_limit(env),
        hash_key=_hash_key(env),
        alerts=AlertSettings.from_environment(env),
        is_previewed=_is_on(env, "REFERA_PREVIEWS", "on"),
        runner=RunnerSettings.from_environment(env),
    )


def _production_stage(name: str, env: Mapping[str, str]) -> Stage:
    """The production stage: every address comes from the environment; nothing is guessed."""
    source, required = "REFERA_CLASSICMODELS_URL", ("REFERA_LAKE", "REFERA_WAREHOUSE")
    missing = [variable for variable in required if not env.get(variable)]
    if missing:
        raise SettingError(f"The production stage needs {', '.join(missing)}:", "set them (README, Settings).")
    roots = {variable: env[variable].rstrip("/") for variable in ("REFERA_LAKE", "REFERA_WAREHOUSE")}
    for variable, root in roots.items():
        if not root.startswith("s3://") or not root.removeprefix("s3://").partition("/")[0]:
            raise SettingError(f"{variable}={root!r} is not an S3 root:", "write it as s3://bucket/prefix.")
    endpoint = parse_endpoint("REFERA_S3_ENDPOINT", env.get("REFERA_S3_ENDPOINT", ""))
    catalog = env.get("REFERA_GLUE_DATABASE", "")
    if not re.fullmatch(r"[a-z0-9_]{0,255}", catalog):
        raise SettingError(
            f"REFERA_GLUE_DATABASE={catalog!r} is not a name that Athena accepts:",
            "write it like refera_warehouse.",
        )
    lake, warehouse = roots["REFERA_LAKE"] + "/", roots["REFERA_WAREHOUSE"] + "/"
    if lake.startswith(warehouse) or warehouse.startswith(lake):
        raise SettingError("REFERA_LAKE and REFERA_WAREHOUSE lie inside one another:", "give each its own prefix.")
    return Stage(
        name=name,
        home=home_folder(env),
        databases={"classicmodels": SourceDatabase.from_url(source, env[source])} if env.get(source) else {},
        store=ObjectStore(endpoint=endpoint, region=env.get("REFERA_S3_REGION") or "us-east-1"),
        lake=roots["REFERA_LAKE"],
        warehouse=roots["REFERA_WAREHOUSE"],
        clock=_clock(env),
        first_day=_first_day(env),
        project_folder=project_folder(env),
        memory_limit=_memory_limit(env),
        hash_key=_hash_key(env),
        glue_database=catalog,
        alerts=AlertSettings.from_environment(env),
        is_previewed=_is_on(env, "REFERA_PREVIEWS", "off"),
        runner=RunnerSettings.from_environment(env),
    )


def _clock(env: Mapping[str, str], at_least: datetime | None = None) -> Clock:
    zone, now = env.get("REFERA_TIME_ZONE") or "UTC", env.get("REFERA_NOW")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingError(f"REFERA_TIME_ZONE={zone!r} is not an IANA time zone:", "write one like UTC.") from error
    try:
        fixed = datetime.fromisoformat(now) if now else None
    except ValueError:
        fixed = None
    if now and (fixed is None or fixed.tzinfo is None):
        raise SettingError(f"REFERA_NOW={now!r} is not an instant:", "write one like 2026-11-22T23:59:59+00:00.")
    return Clock(time_zone=zone, fixed=fixed, at_least=at_least)


def _memory_limit(env: Mapping[str, str]) -> str:
    text = env.get("REFERA_MEMORY_LIMIT") or "1GB"
    if not re.fullmatch(r"\d+(\.\d+)?\s*[KMGT]i?B", text):
        raise SettingError(f"REFERA_MEMORY_LIMIT={text!r} is not a size:", "write one like 1GB or 512MB.")
    return text


def _is_on(env: Mapping[str, str], variable: str, default: str) -> bool:
    text = env.get(variable) or default
    if text not in {"on", "off"}:
        raise SettingError(f"{variable}={text!r} is neither on nor off:", "write one of them.")
    return text == "on"


def _hash_key(env: Mapping[str, str]) -> bytes:
    key = env.get("REFERA_HASH_KEY", "").strip().encode()  # strip the end of line of a file
    if key and len(key) < MIN_HASH_KEY_BYTES:
        raise SettingError(
            f"REFERA_HASH_KEY has {len(key)} bytes, which can be guessed:",
            f"give it {MIN_HASH_KEY_BYTES} or more, like the output of `openssl rand -hex 32`.",
        )
    return key


def _first_day(env: Mapping[str, str]) -> date:
    text = env.get("REFERA_FIRST_DAY") or "2026-01-01"
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingError(f"REFERA_FIRST_DAY={text!r} is not a day:", "write one like 2026-01-01.") from error


def _simulated_through(path: Path) -> datetime | None:
    """Instant up to which the sample business was simulated; ``None`` for a source that is not the sample."""
    text = (_read_json(path) or {}).get("simulated_through")
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise SettingError(
            f"{path} does not say up to which day the sample source was simulated:",
            "start over with `refera down --wipe`.",
        ) from error


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        return parse_json_object(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingError(f"{path} cannot be read ({error.strerror}):", "remove it and run `refera up`.") from error
    except ValueError as error:
        raise SettingError(f"{path} is not a JSON object:", "remove it and run `refera up`.") from error
