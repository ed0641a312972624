"""Cache of dbt's parsed manifest: ``make setup`` parses the project, later calls only when one of its files is newer.

``prepare_if_dev`` of dagster-dbt would parse in every process (8 to 10 s each); this compares file times.

    python -m refera_platform.warehouse.dbt_manifest
"""

import fcntl
import json
import tempfile
from pathlib import Path
from typing import Any

from refera_platform.errors import WarehouseError
from refera_platform.settings.stage import PROJECT_FOLDER
from refera_platform.warehouse.dbt_project import (
    MANIFEST_FILE,
    TARGET_FOLDER,
    DbtProject,
    project_files,
)

PARTIAL_PARSE_FILE = "partial_parse.msgpack"


def ensure_manifest() -> None:
    """Parse the dbt project if its manifest is missing or older than one of its files.

    Raises:
        WarehouseError: with dbt's message.
    """
    if _is_fresh():
        return
    TARGET_FOLDER.mkdir(parents=True, exist_ok=True)
    with (TARGET_FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_fresh():
            return
        with tempfile.TemporaryDirectory(dir=TARGET_FOLDER) as folder:
            parse_project(Path(folder))
            for file_name in (PARTIAL_PARSE_FILE, MANIFEST_FILE.name):
                (Path(folder) / file_name).replace(TARGET_FOLDER / file_name)


def load_dbt_project() -> DbtProject:
    """The parsed project; parsed again first when one of its files is newer.

    Raises:
        WarehouseError: when dbt cannot parse it.
    """
    ensure_manifest()
    return DbtProject.from_manifest(json.loads(MANIFEST_FILE.read_text()))


def raise_interrupt(error: BaseException | None) -> None:
    """Raise an interrupt that dbt caught: a stop of the run must stop all of it, not dbt alone."""
    if error is not None and not isinstance(error, Exception):
        raise error


def parse_project(target: Path, *, is_writing_json: bool = True) -> Any:
    """Parse into ``target`` and return dbt's own ``Manifest``; quick when ``target`` has a partial parse.

    Raises:
        WarehouseError: with dbt's message.
    """
    from dbt.cli.main import dbtRunner

    arguments = [
        "--project-dir",
        str(PROJECT_FOLDER),
        "--profiles-dir",
        str(PROJECT_FOLDER),
        "--target-path",
        str(target),
    ]
    json_flags = [] if is_writing_json else ["--no-write-json"]
    dbt_result = dbtRunner().invoke(["parse", *quiet_flags(target), *json_flags, *arguments])
    raise_interrupt(dbt_result.exception)
    if not dbt_result.success:
        message_lines = str(dbt_result.exception).strip().splitlines() or ["no reason given"]
        raise WarehouseError(
            f"dbt could not parse {PROJECT_FOLDER}: {' '.join(message_lines).rstrip('.')}:",
            "correct the project's files.",
        )
    return dbt_result.result


def quiet_flags(log_folder: Path) -> list[str]:
    """Flags that keep dbt from writing to the terminal and the checkout, and from using the network."""
    return [
        "--log-level",
        "none",
        "--log-level-file",
        "none",
        "--log-path",
        str(log_folder),
        "--no-print",
        "--no-version-check",
        "--no-send-anonymous-usage-stats",
    ]


def _is_fresh() -> bool:
    if any(
        not file.exists() or not file.stat().st_size for file in (MANIFEST_FILE, TARGET_FOLDER / PARTIAL_PARSE_FILE)
    ):
        return False
    parsed_at = MANIFEST_FILE.stat().st_mtime
    return all(path.stat().st_mtime <= parsed_at for path in project_files())


if __name__ == "__main__":
    ensure_manifest()
