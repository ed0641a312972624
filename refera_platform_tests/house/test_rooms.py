"""Arrows point one way, Dagster stays in its wing, and a module fits into one head."""

import ast
import graphlib
from pathlib import Path

import pytest

from refera_platform_tests.house.tree import PACKAGE, TESTS, dotted, imports, modules, name, nodes, room

pytestmark = pytest.mark.unit

GROUND = ("errors", "disk", "clock", "json_codec", "settings", "aws", "duckdb_session")
ROOMS = ("source", "project", "lake", "reconcile", "ingest", "doctor", "warehouse", "answers")
MAY_IMPORT = {
    "": (),
    **{floor: GROUND[:level] for level, floor in enumerate(GROUND)},
    **{each: (*GROUND, *ROOMS[:level]) for level, each in enumerate(ROOMS)},
    "runners": (*GROUND, "source", "project", "lake", "reconcile", "ingest", "doctor", "warehouse"),
    "sandbox": GROUND,
    "alerts": GROUND,
    "orchestration": (*GROUND, *ROOMS, "runners", "alerts"),
    "definitions": (*GROUND, *ROOMS, "runners", "alerts", "orchestration"),
    "cli": (*GROUND, *ROOMS, "runners", "sandbox", "alerts", "orchestration", "definitions"),
}
"""Each part of the house, and the parts it may know besides itself."""
DAGSTER_WING = {"orchestration", "definitions"}
LONGEST = {PACKAGE: 299, TESTS: 400}
VAGUE = {"utils", "util", "helpers", "helper", "common", "lib", "misc", "manager", "tools"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
READS_ENVIRONMENT = {"refera_platform/settings/stage.py"}
SETS_ENVIRONMENT = {"refera_platform/cli/main.py"}
"""May set variables for the libraries and programs it starts, and nothing more."""


def strangers(source: str, module: str, package: str) -> set[str]:
    """Parts of the house that ``source`` imports and may not know."""
    own = room(module)
    return {met for each in imports(source, package) if (met := room(each))} - {own, *MAY_IMPORT[own]}


def dagster_names(source: str) -> set[str]:
    """Dagster packages that ``source`` imports; ``dagster_pipes`` has no Dagster in it and goes to Lambda."""
    packages = {each.split(".")[0] for each in imports(source)}
    return {each for each in packages if each.startswith("dagster")} - {"dagster_pipes"}


def environment_lines(source: str, may_set: bool = False) -> list[int]:
    """Lines on which ``source`` touches the environment of its process."""
    parents = {child: node for node in nodes(source) for child in ast.iter_child_nodes(node)}
    lines = []
    for node in nodes(source):
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            lines += [node.lineno for alias in node.names if alias.name in ENVIRONMENT]
        elif isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT:
            parent = parents[node]
            assigns = isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store)
            sets = assigns or (isinstance(parent, ast.Attribute) and parent.attr in {"setdefault", "update"})
            if isinstance(node.value, ast.Name) and node.value.id == "os" and not (may_set and sets):
                lines.append(node.lineno)
    return lines


def test_every_part_of_the_house_is_on_the_map() -> None:
    unknown = {room(dotted(path)) for path in modules()} - set(MAY_IMPORT)
    assert not unknown, f"say in MAY_IMPORT what {sorted(unknown)} may import"


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_room_knows_only_the_rooms_before_it(part: str) -> None:
    broken = {}
    for path in modules():
        module = dotted(path)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        if room(module) == part and (met := strangers(path.read_text(), module, package)):
            broken[name(path)] = sorted(met)
    assert not broken


def test_dagster_is_imported_only_in_its_wing() -> None:
    found = {
        name(path): names
        for path in modules()
        if room(dotted(path)) not in DAGSTER_WING and (names := dagster_names(path.read_text()))
    }
    assert not found


def test_the_environment_is_read_in_one_place() -> None:
    found = {
        f"{name(path)}:{line}"
        for path in modules()
        if name(path) not in READS_ENVIRONMENT
        for line in environment_lines(path.read_text(), may_set=name(path) in SETS_ENVIRONMENT)
    }
    assert not found, "read the variable in settings/stage.py, and name it in settings.variables.VARIABLES"


@pytest.mark.parametrize("package", [PACKAGE, TESTS], ids=["house", "tests"])
def test_a_module_fits_into_one_head(package: Path) -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in modules(package)}
    assert not {each: length for each, length in lengths.items() if length > LONGEST[package]}


@pytest.mark.parametrize("package", [PACKAGE, TESTS], ids=["house", "tests"])
def test_a_module_is_named_after_what_it_holds(package: Path) -> None:
    parts = {part for path in modules(package) for part in path.relative_to(package).with_suffix("").parts}
    assert not parts & VAGUE


@pytest.mark.parametrize("package", [PACKAGE, TESTS], ids=["house", "tests"])
def test_every_module_has_a_door_plate(package: Path) -> None:
    bare = [
        name(path)
        for path in modules(package)
        if (source := path.read_text()).strip() and not ast.get_docstring(ast.parse(source))
    ]
    assert not bare


def test_the_front_page_of_the_house_is_its_map() -> None:
    page = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text())) or ""
    absent = [room for room in ROOMS if room not in page]
    assert not absent, "the docstring of refera_platform/__init__.py tells what lies where"


@pytest.mark.parametrize(
    "statement",
    [
        "import refera_platform.lake.object_state",
        "from refera_platform import lake",
        "from ..lake import object_state",
        "def late():\n    from refera_platform.lake.object_state import RawState",
    ],
)
def test_the_rule_sees_every_way_of_importing(statement: str) -> None:
    assert strangers(statement, "refera_platform.source.table", "refera_platform.source") == {"lake"}


@pytest.mark.parametrize("expression", ["os.environ['A']", "os.getenv('A')", "dict(os.environ)", "os.environ.get('A')"])
def test_the_rule_sees_every_way_of_reading_the_environment(expression: str) -> None:
    assert environment_lines(f"import os\nvalue = {expression}", may_set=True) == [2]


def test_the_rule_sees_dagster_inside_a_function() -> None:
    assert dagster_names("def late():\n    import dagster_aws.pipes") == {"dagster_aws"}


def circles(package: Path = PACKAGE) -> list[list[str]]:
    """Modules that import one another, by whatever way round."""
    known = {dotted(path): path for path in modules(package)}
    graph = {
        module: {
            met if met in known else met.rpartition(".")[0]
            for met in imports(path.read_text(), module if path.name == "__init__.py" else module.rpartition(".")[0])
        }
        & (known.keys() - {module})
        for module, path in known.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as circle:
        return [circle.args[1]]
    return []


def test_no_modules_import_one_another() -> None:
    assert circles() == []


def test_the_rule_sees_a_circle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "ring"
    package.mkdir()
    for one, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (package / f"{one}.py").write_text(f"def late():\n    from ring.{other} import x\n")
    monkeypatch.setattr("refera_platform_tests.house.tree.ROOT", tmp_path)
    assert len(circles(package)) == 1
