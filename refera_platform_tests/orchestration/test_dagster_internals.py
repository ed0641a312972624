"""What this package takes from Dagster without Dagster's promise is still there, in the form that is relied on."""

import inspect

import pytest

from refera_platform.orchestration import dagster_internals
from refera_platform_tests.house.tree import imports, modules, name

MODULE = "refera_platform/orchestration/dagster_internals.py"
PARAMETERS = {
    "InMemoryJob": {"job_def"},
    "core_execute_in_process": {
        "run_config",
        "job",
        "instance",
        "raise_on_error",
        "run_tags",
        "run_id",
        "asset_selection",
    },
    "ExecuteRunWithPlanIterable": {"execution_plan", "iterator", "execution_context_manager"},
    "PlanExecutionContextManager": {
        "job",
        "retry_mode",
        "execution_plan",
        "run_config",
        "dagster_run",
        "instance",
        "raise_on_error",
        "output_capture",
        "step_dependency_config",
    },
    "inner_plan_execution_iterator": {"job_context", "execution_plan", "instance_concurrency_context"},
    "InstanceConcurrencyContext": {"instance", "dagster_run"},
    "SqliteEventLogStorage": {"base_dir", "inst_data"},
}
MEMBERS = {
    "InstanceConcurrencyContext": {"claim", "interval_to_next_pending_claim_check", "__exit__"},
    "SqliteEventLogStorage": {"_connect", "_initdb", "conn_string_for_shard", "from_config_value", "wipe", "dispose"},
    "InstanceRef": {"from_dir"},
    "RetryMode": {"ENABLED"},
}
ATTRIBUTES = {
    "InstanceConcurrencyContext": {"_instance", "_run_id", "_pending_timeouts", "_pending_claim_counts"},
    "SqliteEventLogStorage": {"_db_lock", "_initialized_dbs"},
}


def moved(dagster_name: str, missing: set[str]) -> str:
    return f"Dagster's {dagster_name} has no {sorted(missing)} any more: see what of {MODULE} changed in this release"


def test_nothing_else_imports_what_dagster_does_not_export() -> None:
    found = {
        name(path)
        for path in modules()
        if name(path) != MODULE
        and any(each.startswith("dagster") and "._" in each for each in imports(path.read_text()))
    }
    assert not found, f"use a public name, or import it in {MODULE} and say there why"


@pytest.mark.parametrize("dagster_name", PARAMETERS)
def test_parameters_are_as_they_are_given(dagster_name: str) -> None:
    known = inspect.signature(getattr(dagster_internals, dagster_name)).parameters.keys()
    assert not PARAMETERS[dagster_name] - known, moved(dagster_name, PARAMETERS[dagster_name] - known)


@pytest.mark.parametrize("dagster_name", MEMBERS)
def test_members_are_as_they_are_called_and_overridden(dagster_name: str) -> None:
    missing = MEMBERS[dagster_name] - set(dir(getattr(dagster_internals, dagster_name)))
    assert not missing, moved(dagster_name, missing)


@pytest.mark.parametrize("dagster_name", ATTRIBUTES)
def test_attributes_are_as_they_are_read(dagster_name: str) -> None:
    source = inspect.getsource(getattr(dagster_internals, dagster_name))
    missing = {each for each in ATTRIBUTES[dagster_name] if f"self.{each}" not in source}
    assert not missing, moved(dagster_name, missing)


def test_every_name_is_used_and_has_its_reason() -> None:
    reasons = dagster_internals.__doc__ or ""
    for dagster_name in dagster_internals.__all__:
        assert f"``{dagster_name}``" in reasons, f"say in {MODULE} why {dagster_name} is needed"
        users = [path for path in modules() if name(path) != MODULE and dagster_name in path.read_text()]
        assert users, f"nobody uses {dagster_name}: drop it from {MODULE}"
