"""What a function on Lambda consists of: its libraries, DuckDB's extension and the rooms that it needs.

    python deploy/lambda/package.py [--arch x86_64|arm64] [--python 3.12]   ──▶ build/lambda/refera-extract-<arch>.zip
    python deploy/lambda/package.py --function transform --into FOLDER      ──▶ the same as files, for an image

The same files give the same bytes: entries are sorted, dated 1980 and of one mode. Libraries come from a lock by
hash, as wheels for Lambda's own system; DuckDB's extension needs glibc 2.28, so the runtime is Python 3.12 or newer
(Amazon Linux 2023): on the older python3.11 of Amazon Linux 2 the extension does not load.
"""

import argparse
import configparser
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "lambda"
AUTHORITIES = ROOT / "deploy" / "authorities"
"""Certificates of authorities that no system has, like those of RDS; there are none until somebody puts them there."""
RUNTIME = "3.12"
"""Python of the runtime that is deployed."""
LIMIT = 250 << 20
"""Bytes that Lambda unpacks at most."""
PLATFORMS = {"x86_64": "x86_64", "arm64": "aarch64"}
SYSTEMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_26", "manylinux_2_17", "manylinux2014")
"""Of Amazon Linux 2023 (glibc 2.34), the newest first."""
OWN = "own"
LEFT_OUT = {"definitions.py"}
"""Of the package itself: what people and Dagster start it by."""
NOT_NEEDED = ("**/__pycache__", "**/*.pyi", "numpy/**/tests", "numpy/_core/include", "bin")
"""Of libraries: their own tests, and what only compilers read."""
EARLIEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Function:
    """One of the two functions."""

    name: str
    rooms: tuple[str, ...]
    has_dbt: bool = False
    """Whether the dbt project comes with it, parsed; its folder has the name of a library, so both are below OWN."""

    @property
    def lock(self) -> Path:
        """Its libraries, each with its hashes."""
        return Path(__file__).with_name(f"{self.name}.lock")


GROUND = ("settings", "duckdb_session", "source", "project", "lake", "runners")
EXTRACT = Function(name="extract", rooms=(*GROUND, "reconcile", "ingest", "doctor"))
TRANSFORM = Function(name="transform", rooms=(*GROUND, "warehouse"), has_dbt=True)
FUNCTIONS = {each.name: each for each in (EXTRACT, TRANSFORM)}


def libraries(function: Function, arch: str, python: str) -> Path:
    """Folder with the libraries, made once for each lock.

    Args:
        function: Whose.
        arch: ``x86_64`` or ``arm64``.
        python: Version of the runtime's Python: ``3.12``.
    """
    told = hashlib.sha256(function.lock.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:12]
    kind = "compiled" if python == own_python() else "sources"
    folder = BUILD / f"libraries-{function.name}-{arch}-{python}-{kind}-{told}"
    if folder.exists():
        return folder
    BUILD.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="libraries-", dir=BUILD))
    _install(fresh, function.lock, arch, python)
    for pattern in NOT_NEEDED:
        for found in list(fresh.glob(pattern)):
            shutil.rmtree(found) if found.is_dir() else found.unlink()
    _compile(fresh, python)
    fresh.chmod(0o755)  # whoever the function runs as must read it
    try:
        fresh.rename(folder)
    except OSError:  # another process has just made the same
        shutil.rmtree(fresh)
    return folder


def packed(function: Function, target: Path, arch: str, python: str) -> Path:
    """Put everything that belongs to a function into a folder.

    Args:
        function: Which one.
        target: A folder that does not exist yet, or is empty.
        arch: ``x86_64`` or ``arm64``.
        python: Version of the runtime's Python.
    """
    shutil.copytree(libraries(function, arch, python), target, copy_function=_linked, dirs_exist_ok=True)
    package, home = ROOT / "refera_platform", target / OWN if function.has_dbt else target
    own = [
        *(path for path in sorted(package.glob("*.py")) if path.name not in LEFT_OUT),
        *(path for room in function.rooms for path in sorted((package / room).rglob("*.py"))),
        *(path for room in function.rooms for path in sorted((package / room).rglob("*.json"))),
    ]
    for path in own:
        _copied(path, home)
    for path in sorted(AUTHORITIES.glob("*.pem")):
        (target / AUTHORITIES.name).mkdir(exist_ok=True)
        shutil.copyfile(path, target / AUTHORITIES.name / path.name)
    _compile(home / package.name, python)
    told = configparser.ConfigParser()
    told.read(ROOT / "setup.cfg")
    version = told["metadata"]["version"]
    record = target / f"refera_platform-{version}.dist-info"
    record.mkdir()
    # each object of the lake says by which version it was written
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: refera-platform\nVersion: {version}\n")
    if not function.has_dbt:
        _compile_project(target)
    else:
        (target / package.name).symlink_to(f"{OWN}/{package.name}")
        _parse_dbt(home, target)
    return target


def zipped(folder: Path, path: Path, level: int = 9) -> Path:
    """A zip of a folder that depends on nothing but the content and the names of its files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for found in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(found.relative_to(folder).as_posix(), EARLIEST)
            entry.external_attr = 0o755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, found.read_bytes(), compresslevel=level)
    return path


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(found.stat().st_size for found in folder.rglob("*") if found.is_file())


def _compile_project(target: Path) -> None:
    """What the function needs of the project, which has no YAML: the tables, as JSON in the folder of the project."""
    sys.path.insert(0, str(ROOT))
    try:
        from refera_platform.project.compiled import write_compiled_tables
        from refera_platform.project.load import load_project
    except ModuleNotFoundError as error:
        sys.exit(f"package: the project cannot be read without {error.name}: run this with .venv/bin/python.")
    finally:
        sys.path.remove(str(ROOT))
    (target / "dbt").mkdir()
    write_compiled_tables(target / "dbt", load_project(ROOT / "dbt").tables)


def _parse_dbt(home: Path, libraries: Path) -> None:
    for path in sorted((ROOT / "dbt").rglob("*")):
        if path.is_file() and not {"target", "logs", "sqlfluff"} & set(path.relative_to(ROOT).parts):
            _copied(path, home)
    # last of all: a manifest older than a file of the project would be made anew, in a read-only image
    asked = [sys.executable, "-S", "-m", "refera_platform.warehouse.dbt_manifest"]
    told = {**os.environ, "PYTHONPATH": str(libraries), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(asked, check=True, cwd=libraries, env=told)  # noqa: S603 - its words are ours


def _copied(path: Path, target: Path) -> None:
    place = target / path.relative_to(ROOT)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, place)


def _install(target: Path, lock: Path, arch: str, python: str) -> None:
    platforms = [f"{system}_{PLATFORMS[arch]}" for system in SYSTEMS]
    if importlib.util.find_spec("pip"):
        asked = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--no-compile",
        ]
        asked += [word for platform in platforms for word in ("--platform", platform)]
        asked += ["--implementation", "cp", "--python-version", python]
    elif uv := shutil.which("uv"):
        asked = [uv, "pip", "install", "--quiet", "--python-version", python]
        asked += ["--python-platform", f"{PLATFORMS[arch]}-manylinux_2_34"]
    else:
        sys.exit("package: neither pip nor uv is here, and one of them must fetch the libraries: run make setup.")
    asked += [
        "--target",
        str(target),
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
        str(lock),
    ]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)  # noqa: S603 - its words are ours
    if done.returncode:
        shutil.rmtree(target)
        sys.exit(f"package: the libraries of {lock.name} for {arch} could not be fetched:\n{done.stderr.strip()}")


def _compile(folder: Path, python: str) -> None:
    """Bytecode beside the sources: a function cannot write its own, and would compile at each cold start.

    Only the version that runs this can be compiled for; the bytes depend on nothing but the sources.
    """
    if python != own_python():
        return
    asked = [sys.executable, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    told = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([*asked, "-s", str(folder), str(folder)], check=True, env=told)  # noqa: S603 - its words are ours


def _linked(source: str, target: str) -> None:
    """A hard link where that is possible: the libraries are never changed."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def main() -> None:
    """Make the zip of the function that reads the source, or the files of either, and say how large it is."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--function", choices=sorted(FUNCTIONS), default=EXTRACT.name)
    asked.add_argument("--arch", choices=sorted(PLATFORMS), default=own_arch())
    asked.add_argument("--python", default=RUNTIME)
    asked.add_argument("--into", type=Path, help="a new folder for the files, instead of a zip")
    told = asked.parse_args()
    function = FUNCTIONS[told.function]
    if function.has_dbt and (told.arch, told.python) != (own_arch(), own_python()):
        sys.exit("package: dbt's project is parsed by the Python that will run it: make this one in its image.")
    if told.into:
        sys.stdout.write(f"{told.into}: {_megabytes(size_of(packed(function, told.into, told.arch, told.python)))}\n")
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        folder = packed(function, Path(scratch) / "package", told.arch, told.python)
        size = size_of(folder)
        if size >= LIMIT:
            sys.exit(
                f"package: {_megabytes(size)} unpacked, and Lambda takes less than {_megabytes(LIMIT)}: use an image."
            )
        path = zipped(folder, BUILD / f"refera-{function.name}-{told.arch}.zip")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    is_compiled = told.python == own_python()
    sys.stdout.write(
        f"{path.relative_to(ROOT)}: {_megabytes(path.stat().st_size)}, {_megabytes(size)} unpacked\n"
        f"for python{told.python} on {told.arch}, {'with' if is_compiled else 'without'} bytecode, sha256 {digest}\n"
    )


def own_arch() -> str:
    """That of this machine, as Lambda names it."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def own_python() -> str:
    """Version of the Python that runs this: ``3.12``."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MB"


if __name__ == "__main__":
    main()
