"""The checkout as the house rules see it: the files git knows, the modules, and what each of them imports."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "refera_platform"
TESTS = ROOT / "refera_platform_tests"


def modules(package: Path = PACKAGE) -> list[Path]:
    """Every Python file below ``package``, in one order."""
    return sorted(package.rglob("*.py"))


def name(path: Path) -> str:
    """How a file is called in messages and test ids: its path from the root of the checkout."""
    return path.relative_to(ROOT).as_posix()


def dotted(path: Path) -> str:
    """The name by which the file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The part of the house a dotted name lies in: ``lake`` of ``refera_platform.lake.object_state``; '' outside."""
    parts = module.split(".")
    return parts[1] if parts[0] == PACKAGE.name and len(parts) > 1 else ""


@cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """Every node of a module, itself first; parsed once, however many rules ask."""
    return tuple(ast.walk(ast.parse(source)))


def imports(source: str, package: str = "") -> Iterator[str]:
    """Every dotted name that ``source`` imports, wherever the statement stands.

    ``from a import b`` gives ``a.b``, because ``b`` may be a module.

    Args:
        source: Text of a module.
        package: Dotted name of the package that the module lies in; relative imports start there.
    """
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            above = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def known_files() -> tuple[Path, ...]:
    """Every file that git tracks or would track; skips the test where there is no git checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of tracked files")
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return tuple(path for line in listing.split("\0") if line and (path := ROOT / line).is_file())
