"""What is deployed to AWS Lambda: one package for zip and image, small enough, the same bytes for the same files."""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from refera_platform.project.compiled import read_compiled_tables
from refera_platform.runners.aws_lambda import handler, transform
from refera_platform_tests.checkout import declared_tables
from refera_platform_tests.deploy import shape
from refera_platform_tests.house.test_packaging import PIN, pins
from refera_platform_tests.house.tree import ROOT
from refera_platform_tests.runners.packages import packager

PROGRAM = ROOT / "deploy/lambda/package.py"
HANDLERS = {"extract": handler.handler, "transform": transform.handler}


@pytest.mark.parametrize("name", HANDLERS)
def test_an_image_holds_the_package_and_names_its_handler(name: str) -> None:
    dockerfile = shape.FUNCTIONS[f"Dockerfile.{name}"]
    found = HANDLERS[name]
    told = dict(shape.last_stage(dockerfile))
    assert told["CMD"] == [f"{found.__module__}.{found.__name__}"]
    assert told["COPY"] == ["--from=package", "/package", "${LAMBDA_TASK_ROOT}"]
    words = [word for kind, each in shape.instructions(dockerfile) if kind == "RUN" for word in each]
    assert words[-6:] == ["python", "deploy/lambda/package.py", "--function", name, "--into", "/package"]
    bases = {each[0] for kind, each in shape.instructions(dockerfile) if kind == "FROM"}
    assert bases == {"${PYTHON}"}
    assert dict(shape.instructions(dockerfile))["ARG"] == [f"PYTHON=public.ecr.aws/lambda/python:{packager().RUNTIME}"]


@pytest.mark.parametrize("name", HANDLERS)
def test_the_libraries_are_those_of_the_platform(name: str) -> None:
    lock = f"deploy/lambda/{name}.lock"
    ours = pins(lock)
    assert ours <= pins("requirements.lock")
    assert not {"dagster", "dagster-aws", "dagster-dbt"} & {each for each, _ in ours}
    assert ("dbt-core" in {each for each, _ in ours}) is (name == "transform")
    blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text())
    assert not [each for each in blocks if PIN.match(each) and "--hash=sha256:" not in each]


def test_the_same_files_make_the_same_bytes(extract_package: Path, tmp_path: Path) -> None:
    package = packager()
    again = package.packed(package.EXTRACT, tmp_path / "again", package.own_arch(), package.own_python())
    for folder in (extract_package, again):
        for path in sorted(folder.rglob("*"), key=lambda path: hashlib.sha256(str(path).encode()).digest()):
            os.utime(path, (1_700_000_000 + len(path.name), 1_700_000_000), follow_symlinks=False)
    made = [
        package.zipped(folder, tmp_path / f"{number}.zip", level=1)
        for number, folder in enumerate((extract_package, again))
    ]
    assert made[0].read_bytes() == made[1].read_bytes()
    with zipfile.ZipFile(made[0]) as archive:
        names = archive.namelist()
        assert {each.date_time for each in archive.infolist()} == {package.EARLIEST}
        assert sum(each.file_size for each in archive.infolist()) < package.LIMIT
    assert "refera_platform/runners/aws_lambda/handler.py" in names
    assert [each for each in names if each.startswith("dbt/")] == ["dbt/project.json"]
    assert read_compiled_tables(extract_package / "dbt") == declared_tables()
    assert [each for each in names if each.endswith(".duckdb_extension")]
    rooms = {each.split("/")[1] for each in names if re.match(r"refera_platform/\w+/", each)}
    assert rooms - {"__pycache__"} == set(package.EXTRACT.rooms)


def test_authorities_that_somebody_put_there_go_with_the_function(tmp_path: Path, monkeypatch) -> None:
    package = packager()
    folder = tmp_path / "authorities"
    folder.mkdir()
    (folder / "rds.pem").write_text("one")
    (folder / "README.md").write_text("no certificate")
    monkeypatch.setattr(package, "AUTHORITIES", folder)
    made = package.packed(package.EXTRACT, tmp_path / "made", package.own_arch(), package.own_python())
    assert {each.name: each.read_text() for each in (made / "authorities").iterdir()} == {"rds.pem": "one"}
    told = (ROOT / "deploy/authorities/README.md").read_text()
    assert "ssl_ca=/var/task/authorities/rds.pem" in told
    assert ("deploy/authorities", "/var/task/authorities") in shape.copied(shape.DOCKERFILES["Dockerfile.code"])


def test_the_package_needs_nothing_beside_itself(extract_package: Path) -> None:
    script = (
        "import sys\nfrom refera_platform.runners.aws_lambda import handler\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
        "print(*sorted({each.__file__ for each in sys.modules.values() if getattr(each, '__file__', None)}))"
    )
    told = {"PYTHONPATH": str(extract_package), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-S", "-c", script], env=told, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    modules, files = done.stdout.splitlines()
    assert {"duckdb", "boto3", "pymysql"} <= set(modules.split())
    assert not {"dagster", "dbt", "pytest", "yaml", "pydantic"} & set(modules.split())
    assert not [each for each in files.split() if "site-packages" in each]


def test_the_program_makes_the_files_for_an_image(extract_package: Path, tmp_path: Path) -> None:
    asked = [sys.executable, str(PROGRAM), "--function", "extract", "--into", str(tmp_path / "made")]
    done = subprocess.run([*asked, "--python", packager().own_python()], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{tmp_path}/made: \d+\.\d MB\n", done.stdout)
    made, expected = (
        {path.relative_to(place) for path in place.rglob("*")} for place in (tmp_path / "made", extract_package)
    )
    assert made == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--arch", "sparc"], "invalid choice: 'sparc'"),
        (["--function", "load"], "invalid choice: 'load'"),
        (["--function", "transform", "--python", "3.99"], "make this one in its image"),
    ],
)
def test_a_package_that_cannot_be_made_is_refused(words: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True)
    assert done.returncode != 0
    assert said in done.stderr
