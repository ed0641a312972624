"""The schema that an editor gets accepts what the engine accepts, and no more."""

import jsonschema
import pytest
import yaml

from refera_platform.project.schema import page_schema, yml_schema
from refera_platform_tests.house.tree import ROOT

pytestmark = pytest.mark.unit

YML_FILES = sorted((ROOT / "dbt/models").rglob("*.yml"))
PAGES = sorted((ROOT / "dbt/report").glob("*.yml"))


@pytest.mark.parametrize("path", [*YML_FILES, *PAGES], ids=lambda path: path.name)
def test_what_the_shipped_project_declares_fits_its_schema(path):
    schema = page_schema() if path in PAGES else yml_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


@pytest.mark.parametrize(
    "content",
    [
        {"sources": [{"config": {"meta": {"refera": {"ownr": "team:a"}}}}]},
        {"sources": [{"tables": [{"config": {"meta": {"refera": {"key": []}}}}]}]},
        {"sources": [{"tables": [{"config": {"meta": {"refera": {"key": ["id"], "strategy": "cdc"}}}}]}]},
        {"models": [{"config": {"meta": {"refera": {"mirrors": {"table": "orders", "columns": {"a": "b"}}}}}}]},
        {"exposures": [{"config": {"meta": {"refera": {"number": 0}}}}]},
    ],
    ids=["a typing mistake", "no key", "a strategy", "an address", "a number"],
)
def test_a_mistake_does_not_fit(content):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, yml_schema())


def test_what_dbt_alone_reads_is_left_to_dbt():
    jsonschema.validate(
        {"version": 2, "seeds": [], "models": [{"name": "m", "config": {"meta": {"x": 1}}}]}, yml_schema()
    )


def test_a_mistake_in_a_page_does_not_fit():
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"title": "A page", "sectoins": []}, page_schema())
