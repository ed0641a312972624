"""What is in the repository can be shown to anybody: no secret, no place of one machine, no registry."""

import re

import pytest

from refera_platform_tests.house.tree import known_files, name

pytestmark = pytest.mark.unit

PLACEHOLDERS = r"(?:password|secret|hush|bad|p|p%40ss[^@]*|\*{3}|…|%s|[{$<][^@]*)"
"""What stands for a password in examples and tests."""
UNWANTED = {
    "a cloud access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "a token": r"\b(?:ghp_|github_pat_|glpat-|xox[abp]-|sk_live_|AIza)[0-9A-Za-z_-]{16,}",
    "a password in an address": rf"://[^/\s:@'\"]+:(?!{PLACEHOLDERS}@)[^/\s:@'\"]+@",
    "a path of one machine": r"(?<![\w.~-])/(?:root|home|Users|work)/",
    "a package registry": r"(?:pypi\.org|pythonhosted\.org|\.pkg\.dev|registry\.npmjs)",
}


@pytest.mark.parametrize("what", UNWANTED)
def test_no_tracked_file_holds(what: str) -> None:
    pattern = re.compile(UNWANTED[what])
    found = []
    for path in known_files():
        text = path.read_bytes().decode(errors="replace")
        found += [f"{name(path)}:{number}" for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    assert not found


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a cloud access key", "key = " + "AKIA" + "Q" * 16),
        ("a private key", "-----BEGIN " + "RSA PRIVATE KEY-----"),
        ("a token", "ghp_" + "a1B2" * 9),
        ("a password in an address", "mysql://ada:" + "hunter2@db.example/shop"),
        ("a path of one machine", "see " + "/ho" + "me/ada/notes"),
        ("a package registry", "https://files.python" + "hosted.org/x"),
    ],
)
def test_the_pattern_finds(what: str, line: str) -> None:
    assert re.search(UNWANTED[what], line)


def test_an_example_address_is_no_secret() -> None:
    assert not re.search(UNWANTED["a password in an address"], "mysql://user:password@host:3306/database")
