"""Dagster's step of an ingest run on AWS Lambda: calls the function over Dagster Pipes, and claims slots of its pool.

LambdaIngestRunner ──▶ PipesStep ──▶ PipesLambdaClient ──▶ the function ──▶ messages on S3 ──▶ JSON results

``runners.aws_lambda.runner`` makes the event and reads the results.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from refera_platform.aws import s3_client
from refera_platform.runners.aws_lambda.client import LambdaFunction
from refera_platform.runners.aws_lambda.reporter import RESULT_KEY
from refera_platform.settings.stage import Stage

MESSAGE_POLL_SECONDS = 0.5
"""Seconds between two polls for messages of a function."""


class PipesStep:
    """Step of a run; ``pool`` limits how many readers of the source work at a time."""

    def __init__(self, context: dg.AssetExecutionContext, stage: Stage, pool: str) -> None:
        self._context, self._stage, self._pool = context, stage, pool
        self.log = context.log

    def invoke_function(self, function: LambdaFunction, event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Call the function; returns the table results that it reported.

        Raises:
            ReferaError: when the call failed.
        """
        # importing it takes 0.2 s, which the runner in this process need not pay
        from dagster_aws.pipes import PipesLambdaClient, PipesS3MessageReader

        reader = PipesS3MessageReader(
            bucket=self._stage.runner.messages_bucket,
            client=s3_client(self._stage.store),
            interval=MESSAGE_POLL_SECONDS,
        )
        with warnings.catch_warnings():
            # Dagster warns about its own preview parts on each call
            warnings.simplefilter("ignore", dg.PreviewWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            invocation = PipesLambdaClient(client=function, message_reader=reader).run(
                function_name=function.name, event=event, context=self._context
            )
        reported = [
            facts.value
            for result in invocation.get_results(implicit_materializations=False)
            if isinstance(result, dg.MaterializeResult)
            and isinstance(facts := (result.metadata or {}).get(RESULT_KEY), dg.JsonMetadataValue)
        ]
        return [*reported, *invocation.get_custom_messages()]

    @contextmanager
    def claim_slots(self, requested: int) -> Iterator[int]:
        """Claim free slots of the pool; yields how many the step has then, its own slot included."""
        storage, run_id = self._context.instance.event_log_storage, self._context.run.run_id
        step_key = str(self._context.op_execution_context.op_handle)
        claimed_steps = list[str]()
        try:
            for number in range(2, requested + 1):
                name = f"{step_key}/pieces-{number}"
                claimed_steps.append(name)
                if not storage.claim_concurrency_slot(self._pool, run_id, name).is_claimed:
                    storage.free_concurrency_slot_for_step(run_id, claimed_steps.pop())
                    break
            yield len(claimed_steps) + 1
        finally:
            for name in claimed_steps:
                storage.free_concurrency_slot_for_step(run_id, name)
