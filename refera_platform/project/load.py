"""Loader of a project: reads every yml file below dbt's model paths and in its report folder, without dbt.

dbt/ ──▶ load_project() ──▶ Project
"""

from pathlib import Path

from refera_platform.errors import SettingError
from refera_platform.project.answers import read_mirrors, read_models, read_questions
from refera_platform.project.model import Project
from refera_platform.project.report import read_reports
from refera_platform.project.sources import read_tables
from refera_platform.project.yaml_file import YamlFile, read_yaml

PROJECT_FILE = "dbt_project.yml"
REPORT_FOLDER = "report"
YAML_PATTERNS = ("*.yml", "*.yaml")


def load_project(folder: Path) -> Project:
    """Read a project.

    Args:
        folder: Folder that holds ``dbt_project.yml``.

    Raises:
        SettingError: when the folder is no dbt project, or naming file and line of the first mistake.
    """
    files = read_yaml_files(folder)
    models = read_models(files)
    questions = read_questions(files, models)
    return Project(
        tables=read_tables(files),
        questions=questions,
        mirrors=read_mirrors(models),
        reports=read_reports(read_report_files(folder), questions),
    )


def read_yaml_files(folder: Path) -> list[YamlFile]:
    """Every yml file below the model paths of a project, in the order of their paths.

    Raises:
        SettingError: when the folder is no dbt project, or a file is no YAML.
    """
    project_file = folder / PROJECT_FILE
    if not project_file.is_file():
        raise SettingError(f"{folder} is not a dbt project (it has no {PROJECT_FILE}):", "name a folder that is.")
    content = read_yaml(project_file, _shown(project_file, folder)).content
    model_paths = content.get("model-paths", ["models"]) if isinstance(content, dict) else ["models"]
    paths = {
        path
        for model_path in model_paths
        for pattern in YAML_PATTERNS
        for path in (folder / str(model_path)).rglob(pattern)
    }
    return [read_yaml(path, _shown(path, folder)) for path in sorted(paths)]


def read_report_files(folder: Path) -> list[YamlFile]:
    """Every yml file of the report's folder of a project, in the order of their names.

    Raises:
        SettingError: when a file is no YAML.
    """
    paths = (path for pattern in YAML_PATTERNS for path in (folder / REPORT_FOLDER).glob(pattern))
    return [read_yaml(path, _shown(path, folder)) for path in sorted(paths)]


def _shown(path: Path, folder: Path) -> Path:
    """Path from the folder that holds the project, as somebody who stands there types it."""
    return Path(folder.name) / path.relative_to(folder)
