"""DuckDB extensions: linked from the signed builds that PyPI has, checked once a process, never downloaded."""

import functools
import importlib.resources
import tempfile
from pathlib import Path

import duckdb

from refera_platform.errors import SettingError

EXTENSIONS = ("httpfs",)


@functools.cache
def _platform() -> str:
    """DuckDB's name of this platform; asked on its own connection, since the module's default one serves one thread."""
    with duckdb.connect() as connection:
        row = connection.execute("select platform from pragma_platform()").fetchone()
    return str(row[0] if row else "")


def extension_directory(home: Path) -> Path:
    """Make a DuckDB extension directory of links to the signed builds from PyPI; download nothing."""
    root = home / "duckdb-extensions"
    folder = root / f"v{duckdb.__version__}" / _platform()
    folder.mkdir(parents=True, exist_ok=True)
    for name in EXTENSIONS:
        package = importlib.resources.files(f"duckdb_extension_{name}")
        built = Path(str(package)) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        link = folder / built.name
        if link.is_symlink() and link.readlink() == built:
            continue
        new_link = Path(tempfile.mkdtemp(dir=folder)) / built.name
        new_link.symlink_to(built)
        new_link.replace(link)  # a rename is atomic when two processes prepare at the same time
        new_link.parent.rmdir()
    return root


@functools.cache
def require_signed(directory: Path) -> None:
    """Let DuckDB check the signatures of its extensions: 0.1 s of CPU, so once a process and not once a session.

    Raises:
        SettingError: when a signature is wrong, or an extension cannot be loaded.
    """
    try:
        with duckdb.connect(config={"extension_directory": str(directory)}) as connection:
            for name in EXTENSIONS:
                connection.execute(f"load {name}")
    except duckdb.Error as error:
        raise SettingError(
            f"DuckDB refused an extension in {directory} ({str(error).splitlines()[0].rstrip('.')}):",
            "install the requirements again.",
        ) from None
