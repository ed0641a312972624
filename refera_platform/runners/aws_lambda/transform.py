"""Lambda handler of the function that builds the warehouse: dbt models and tests, published when no test fails.

{"stage": "production"}, or the envelope of Lambda after a successful ingest ──▶ handler() ──▶ published | error

``handler`` is the function that reads the source.
"""

from typing import Any

from refera_platform.duckdb_session.secrets import redact
from refera_platform.errors import ReferaError, SettingError
from refera_platform.project.load import load_project
from refera_platform.runners.aws_lambda import semaphores
from refera_platform.runners.aws_lambda.environment import lambda_stage
from refera_platform.runners.aws_lambda.json_logger import JsonLogger, quiet_libraries, stage_secrets
from refera_platform.settings.stage import child_environment
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.build.result import BuildResult
from refera_platform.warehouse.build.run import BuildRequest, build_warehouse

EVENT_FIELDS = frozenset({"stage", "full_refresh"})


def handler(event: object, context: Any) -> dict[str, Any]:
    """Build everything that changed since the last publication.

    Args:
        event: The stage, and ``full_refresh`` to read all raw objects; or the envelope of a Lambda destination, which
            contains the event of the ingest before it.
        context: Lambda's context.

    Returns:
        Name of the publication, and its numbers of models and tests.

    Raises:
        WarehouseError: when a test failed; the last publication stays.
        ReferaError: for any other failure.
    """
    quiet_libraries()
    semaphores.ensure_semaphores()
    logger = JsonLogger(context.function_name, context.aws_request_id)
    try:
        name, is_full = _parse_event(event)
        stage = lambda_stage(child_environment(), reads_source=False)
        logger.hide(stage_secrets(stage))
        if name != stage.name:
            raise SettingError(
                f"The event is for stage {name[:40]!a}, and this function is of stage {stage.name}:",
                "call the function of that stage.",
            )
        logger.info("begun", full_refresh=is_full)

        def on_node(node: NodeResult) -> None:
            if node.is_failed:
                logger.error("red", node=node.name, kind=node.kind, failures=node.failures)

        tables = load_project(stage.project_folder).tables
        built = build_warehouse(stage, tables, BuildRequest(full_refresh=is_full), on_node)
        if built.published is None:
            raise built.to_error()
    except ReferaError as error:
        logger.error("failed", error=type(error).__name__, trouble=str(error))
        raise type(error)(redact(str(error), logger.secrets), is_transient=error.is_transient) from None
    answer = _answer(built)
    logger.info("published", **answer)
    return answer


def _parse_event(event: object) -> tuple[str, bool]:
    """Stage of the event, and whether to build everything.

    Raises:
        SettingError: for an event of any other form.
    """
    if isinstance(event, dict) and "requestPayload" in event:  # from the destination of the ingest function
        payload = event["requestPayload"]
        event = {"stage": payload.get("stage")} if isinstance(payload, dict) else payload
    if not isinstance(event, dict) or not set(event) <= EVENT_FIELDS:
        raise SettingError(
            "The event is refused: it is a JSON object with stage and full_refresh, and nothing else.",
            "See deploy/lambda/README.md for what may be in one.",
        )
    stage, is_full = event.get("stage"), event.get("full_refresh", False)
    if not isinstance(stage, str) or not stage or not isinstance(is_full, bool):
        raise SettingError(
            "The event is refused: its stage is a name, and its full_refresh true or false.",
            "See deploy/lambda/README.md for what may be in one.",
        )
    return stage, is_full


def _answer(built: BuildResult) -> dict[str, Any]:
    kinds = [node.kind for node in built.nodes]
    return {
        "run": built.run_id,
        "root": built.root,
        "models": kinds.count("model"),
        "tests": kinds.count("test"),
        "seconds": round(built.seconds, 3),
        "everything_because": built.full_build_reason,
    }
