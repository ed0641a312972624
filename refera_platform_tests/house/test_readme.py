"""The README can be believed: its settings are those that are read, its commands are those that exist."""

import dataclasses
import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

from refera_platform.cli import main as refera
from refera_platform.settings.variables import ENVIRONMENT_VARIABLES
from refera_platform_tests.house.tree import ROOT

PAGES = ("README.md", "CONTRIBUTING.md")
OTHER_PROGRAMS = {".venv/bin/pytest", "git", "cd", "brew", "apt-get", "pip", "uv", "export"}
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"^([A-Z][A-Z0-9_]*)=")


def commands(page: str) -> list[list[str]]:
    """The words of every command in the page's shell blocks, without comments and redirections."""
    found = []
    for block in FENCE.findall(page):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words: list[str] = []
            for word in (*lexer, ";"):
                if word in {";", "|", "&&", "||", ">", "<"}:
                    if words:
                        found.append(words)
                    # What follows a redirection is a file, not a command.
                    words = ["cd"] if word in {">", "<"} else []
                else:
                    words.append(word)
    return found


COMMANDS = [command for page in PAGES for command in commands((ROOT / page).read_text())]


def split_assignments(command: list[str]) -> tuple[list[str], list[str]]:
    """The variables set in front of a command, and the command itself."""
    count = next((index for index, word in enumerate(command) if not ASSIGNMENT.match(word)), len(command))
    return [word.partition("=")[0] for word in command[:count]], command[count:]


def parse_refera(words: list[str], folder: Path) -> None:
    """Parse ``refera …`` as the command line would, without running it; raises what the person would read."""
    for word in words:
        if word.endswith(".sql"):
            (folder / word).parent.mkdir(parents=True, exist_ok=True)
            (folder / word).touch()
    command, arguments, context = typer.main.get_command(refera.app), list(words), None
    while hasattr(command, "resolve_command") and arguments and not arguments[0].startswith("-"):
        context = command.make_context("refera", [], parent=context, resilient_parsing=True)
        typed = arguments[0]
        _, command, arguments = command.resolve_command(context, arguments)
        assert command is not None, f"refera has no command {typed}"
    if arguments != ["--help"]:
        command.make_context(words[0], arguments, parent=context)


def test_the_readme_shows_commands() -> None:
    programs = {split_assignments(command)[1][0] for command in COMMANDS}
    assert {"make", "refera"} <= programs
    assert programs <= {"make", "refera", *OTHER_PROGRAMS}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_of_the_pages_exists(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    variables, words = split_assignments(command)
    assert set(variables) <= set(ENVIRONMENT_VARIABLES)
    if words[:1] == ["make"]:
        targets = set(re.findall(r"^([a-z_-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert {word for word in words[1:] if not ASSIGNMENT.match(word)} <= targets
    elif words[:1] == ["refera"]:
        parse_refera(words[1:], tmp_path)


@pytest.mark.parametrize("name", refera.COMMANDS)
def test_the_examples_of_a_command_can_be_typed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = importlib.import_module(f"refera_platform.cli.{name.replace('-', '_')}").EXAMPLES
    shown = [words for words in commands("```sh\n{}\n```".format("\n".join(examples))) if words[0] == "refera"]
    assert len(shown) == len(examples)
    for words in shown:
        assert words[1] == name
        parse_refera(words[1:], tmp_path)


def test_the_settings_table_is_what_the_stage_reads() -> None:
    section = re.split(r"^## ", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    settings = next(text for text in section if text.startswith("Settings\n"))
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \| (.+?) \|$", settings, re.MULTILINE)
    assert rows == list(ENVIRONMENT_VARIABLES.items())


def test_the_manifest_s_table_names_every_field_that_the_manifest_has() -> None:
    published = importlib.import_module("refera_platform.warehouse.publish.manifest")
    text = (ROOT / "README.md").read_text()
    table = text[text.index("| `run_id`, `published_at` |") :].partition("\n\n")[0]
    named = set(re.findall(r"`(?:models\.<table>\.objects\[\]|models\.<table>|sources\.<table>|(\w+))`", table)) | {
        "models",
        "objects",
        "sources",
    }
    kinds = (published.Publication, published.PublishedModel, published.PublishedObject)
    fields = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    # the manifest does not hold its own ETag, but those of the objects
    assert fields - named == set()


@pytest.mark.parametrize("words", [["demo", "--dump", "a b.sql", "--scale", "10"], ["up", "--ui"], ["down", "--wipe"]])
def test_what_the_makefile_types_exists(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"$(REFERA) {words[0]}" in (ROOT / "Makefile").read_text()
    parse_refera(words, tmp_path)


@pytest.mark.parametrize(
    "line", ["refera launch", "refera run --never", "refera simulate --days many", "refera restore"]
)
def test_a_command_that_does_not_exist_is_seen(line: str, tmp_path: Path) -> None:
    [[_, *words]] = commands(f"```sh\n{line}  # why not\n```\n")
    with pytest.raises((AssertionError, typer.exceptions.TyperException)):
        parse_refera(words, tmp_path)
