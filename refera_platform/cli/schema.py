"""``refera schema``: prints the JSON schema of what a project declares, for editors."""

import json
from typing import Annotated

import typer

from refera_platform.cli.output import results_console
from refera_platform.project.schema import page_schema, yml_schema

EXAMPLES = ("refera schema > refera.schema.json", "refera schema --page > page.schema.json")


def schema(
    page: Annotated[bool, typer.Option("--page", help="Of a page of the report, and not of dbt's yml files.")] = False,
) -> None:
    """Print the schema."""
    text = json.dumps(page_schema() if page else yml_schema(), indent=2)
    results_console().print(text, markup=False, soft_wrap=True)
