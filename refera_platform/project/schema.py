"""JSON schemas of what a project declares, by which an editor completes and checks its yml files.

``yml_schema`` is for dbt's own files: it describes what they say to the engine, and leaves everything else to dbt.
``page_schema`` is for a page of the report. Both come from the models that read the files.
"""

from typing import Any

from pydantic.json_schema import models_json_schema

from refera_platform.project.declarations import (
    ModelDeclaration,
    QuestionDeclaration,
    TableDeclaration,
    TableDefaults,
)
from refera_platform.project.report_declarations import PageDeclaration
from refera_platform.project.sources import DECLARATION_PATH

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def yml_schema() -> dict[str, Any]:
    """Schema of a yml file below dbt's model paths."""
    models = (TableDefaults, TableDeclaration, ModelDeclaration, QuestionDeclaration)
    _, definitions = models_json_schema([(model, "validation") for model in models])
    source = _entry(TableDefaults.__name__)
    source["properties"]["tables"] = {"type": "array", "items": _entry(TableDeclaration.__name__)}
    return {
        "$schema": DIALECT,
        "title": "What a dbt project says to refera_platform",
        "type": "object",
        "properties": {
            "sources": {"type": "array", "items": source},
            "models": {"type": "array", "items": _entry(ModelDeclaration.__name__)},
            "exposures": {"type": "array", "items": _entry(QuestionDeclaration.__name__)},
        },
        **definitions,
    }


def page_schema() -> dict[str, Any]:
    """Schema of a page of the report."""
    return {"$schema": DIALECT, **PageDeclaration.model_json_schema()}


def _entry(definition: str) -> dict[str, Any]:
    """Schema of an entry of dbt's that may hold a declaration."""
    schema: dict[str, Any] = {"$ref": f"#/$defs/{definition}"}
    for step in reversed(DECLARATION_PATH):
        schema = {"type": "object", "properties": {step: schema}}
    return schema
