"""Project beside this package, ``dbt/`` of the checkout. Its tables are still those of ``source.catalog``."""

from dataclasses import replace

from refera_platform.project.load import load_project
from refera_platform.project.model import Project
from refera_platform.settings.stage import CHECKOUT_FOLDER
from refera_platform.source.catalog import TABLES


def load_checkout_project() -> Project:
    """Read the project of this checkout.

    Raises:
        SettingError: naming file and line of the first mistake.
    """
    return replace(load_project(CHECKOUT_FOLDER / "dbt"), tables=TABLES)
