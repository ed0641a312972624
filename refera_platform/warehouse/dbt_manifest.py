"""dbt's parsed manifest, made once by ``make setup`` and again only when a file of the project is younger.

``prepare_if_dev`` of dagster-dbt would parse in every process (8 to 10 s each); this asks the clock of the files.

    python -m refera_platform.warehouse.dbt_manifest
"""

import fcntl
import json
import tempfile
from pathlib import Path
from typing import Any

from refera_platform.errors import WarehouseError
from refera_platform.warehouse.dbt_project import FOLDER, MANIFEST, TARGET, Project, files

PARTIAL_PARSE = "partial_parse.msgpack"


def ensure() -> None:
    """Parse the dbt project if its manifest is missing or older than a file of it.

    Raises:
        WarehouseError: with dbt's words.
    """
    if _is_fresh():
        return
    TARGET.mkdir(parents=True, exist_ok=True)
    with (TARGET / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_fresh():
            return
        with tempfile.TemporaryDirectory(dir=TARGET) as folder:
            parse(Path(folder))
            for made in (PARTIAL_PARSE, MANIFEST.name):
                (Path(folder) / made).replace(TARGET / made)


def load() -> Project:
    """The project as it was last parsed, parsed anew when a file of it is younger.

    Raises:
        WarehouseError: when dbt cannot parse it.
    """
    ensure()
    return Project.from_manifest(json.loads(MANIFEST.read_text()))


def raise_interrupt(found: BaseException | None) -> None:
    """Go on with what dbt caught and was not for it: somebody who stops a run stops all of it."""
    if found is not None and not isinstance(found, Exception):
        raise found


def parse(target: Path, *, writing: bool = True) -> Any:
    """Parse into ``target`` and return dbt's own ``Manifest``; quick when a partial parse lies there.

    Raises:
        WarehouseError: with dbt's words.
    """
    from dbt.cli.main import dbtRunner

    arguments = ["--project-dir", str(FOLDER), "--profiles-dir", str(FOLDER), "--target-path", str(target)]
    written = [] if writing else ["--no-write-json"]
    answer = dbtRunner().invoke(["parse", *quiet(target), *written, *arguments])
    raise_interrupt(answer.exception)
    if not answer.success:
        said = str(answer.exception).strip().splitlines() or ["no reason given"]
        raise WarehouseError(
            f"dbt could not parse {FOLDER}: {' '.join(said).rstrip('.')}:", "mend the project's files."
        )
    return answer.result


def quiet(logs: Path) -> list[str]:
    """Flags that keep dbt from talking to the terminal, to the network and into the checkout."""
    return [
        "--log-level",
        "none",
        "--log-level-file",
        "none",
        "--log-path",
        str(logs),
        "--no-print",
        "--no-version-check",
        "--no-send-anonymous-usage-stats",
    ]


def _is_fresh() -> bool:
    if any(not file.exists() or not file.stat().st_size for file in (MANIFEST, TARGET / PARTIAL_PARSE)):
        return False
    made = MANIFEST.stat().st_mtime
    return all(path.stat().st_mtime <= made for path in files())


if __name__ == "__main__":
    ensure()
