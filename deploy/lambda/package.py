"""The zip of the function that reads the source: its libraries, DuckDB's extension and the rooms that it needs.

    python deploy/lambda/package.py [--arch x86_64|arm64] [--python 3.12]   ──▶ build/lambda/refera-extract-<arch>.zip

The same files give the same bytes: entries are sorted, dated 1980 and of one mode. Libraries come from extract.lock by
hash, as wheels for Lambda's own system; DuckDB's extension needs glibc 2.28, so the runtime is Python 3.12 or newer
(Amazon Linux 2023): on the older python3.11 of Amazon Linux 2 the extension does not load.
"""

import argparse
import configparser
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = Path(__file__).with_name("extract.lock")
BUILD = ROOT / "build" / "lambda"
RUNTIME = "3.12"
"""Python of the runtime that is deployed."""
LIMIT = 250 << 20
"""Bytes that Lambda unpacks at most."""
PLATFORMS = {"x86_64": "x86_64", "arm64": "aarch64"}
SYSTEMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_26", "manylinux_2_17", "manylinux2014")
"""Of Amazon Linux 2023 (glibc 2.34), the newest first."""
ROOMS = ("source", "lake", "remote")
LEFT_OUT = {"transform.py"}
"""What the other function does."""
NOT_NEEDED = ("__pycache__", "*.pyi", "tests", "include", "bin")
"""Of libraries: their own tests, and what only compilers read."""
EARLIEST = (1980, 1, 1, 0, 0, 0)


def libraries(arch: str, python: str) -> Path:
    """Folder with the libraries, made once for each lock.

    Args:
        arch: ``x86_64`` or ``arm64``.
        python: Version of the runtime's Python: ``3.12``.
    """
    told = hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:12]
    folder = BUILD / f"libraries-{arch}-{python}-{told}"
    if folder.exists():
        return folder
    BUILD.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="libraries-", dir=BUILD))
    _install(fresh, [f"{system}_{PLATFORMS[arch]}" for system in SYSTEMS], arch, python)
    for pattern in NOT_NEEDED:
        for found in list(fresh.rglob(pattern)):
            shutil.rmtree(found) if found.is_dir() else found.unlink()
    _compile(fresh, python)
    try:
        fresh.rename(folder)
    except OSError:  # another process has just made the same
        shutil.rmtree(fresh)
    return folder


def packed(target: Path, arch: str, python: str) -> Path:
    """Put everything that belongs to the function into a folder.

    Args:
        target: A folder that does not exist yet.
        arch: ``x86_64`` or ``arm64``.
        python: Version of the runtime's Python.
    """
    shutil.copytree(libraries(arch, python), target, copy_function=_linked)
    package = ROOT / "refera_platform"
    own = [
        *sorted(package.glob("*.py")),
        *(path for room in ROOMS for path in sorted((package / room).rglob("*.py"))),
    ]
    for path in own:
        if path.name not in LEFT_OUT | {"cli.py", "definitions.py"}:
            place = target / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    _compile(target / "refera_platform", python)
    told = configparser.ConfigParser()
    told.read(ROOT / "setup.cfg")
    version = told["metadata"]["version"]
    record = target / f"refera_platform-{version}.dist-info"
    record.mkdir()
    # each object of the lake says by which version it was written
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: refera-platform\nVersion: {version}\n")
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


def _install(target: Path, platforms: list[str], arch: str, python: str) -> None:
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
        sys.exit(
            "package: neither pip nor uv is here, and one of them must fetch the libraries: run make setup."
        )
    asked += [
        "--target",
        str(target),
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
        str(LOCK),
    ]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)  # noqa: S603 - its words are ours
    if done.returncode:
        shutil.rmtree(target)
        sys.exit(
            f"package: the libraries of {LOCK.name} for {arch} could not be fetched:\n{done.stderr.strip()}"
        )


def _compile(folder: Path, python: str) -> None:
    """Bytecode beside the sources: a function cannot write its own, and would compile at each cold start.

    Only the version that runs this can be compiled for; the bytes depend on nothing but the sources.
    """
    if python != f"{sys.version_info[0]}.{sys.version_info[1]}":
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
    """Make the zip, and say how large it is."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--arch", choices=sorted(PLATFORMS), default="x86_64")
    asked.add_argument("--python", default=RUNTIME)
    told = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=_made(BUILD)) as scratch:
        folder = packed(Path(scratch) / "package", told.arch, told.python)
        size = size_of(folder)
        if size >= LIMIT:
            sys.exit(f"package: {size / 2**20:.0f} MB unpacked, and Lambda takes less than {LIMIT >> 20} MB.")
        path = zipped(folder, BUILD / f"refera-extract-{told.arch}.zip")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    is_compiled = told.python == f"{sys.version_info[0]}.{sys.version_info[1]}"
    sys.stdout.write(
        f"{path.relative_to(ROOT)}: {path.stat().st_size / 2**20:.1f} MB, {size / 2**20:.1f} MB unpacked\n"
        f"for python{told.python} on {told.arch}, {'with' if is_compiled else 'without'} bytecode, sha256 {digest}\n"
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
