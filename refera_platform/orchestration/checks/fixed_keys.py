"""Asset check of the fixed keys: the objects that other engines read are those that the current manifest names.

``warehouse.publish`` copies the objects to the fixed keys, and ``warehouse.publish.fixed_keys`` compares them. The
store may still carry out a copy long after its client gave up on it; only a later comparison finds that.
"""

import dagster as dg

from refera_platform.errors import ReferaError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.orchestration import keys
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.publish.fixed_keys import compare_fixed_keys

FIXED_KEYS_CHECK = "engines_read_what_is_published"


def build_fixed_keys_check() -> dg.AssetChecksDefinition:
    """One check for the whole warehouse; it is attached to the report, which is downstream of all models."""

    @dg.multi_asset_check(
        name="fixed_keys",
        specs=[
            dg.AssetCheckSpec(
                FIXED_KEYS_CHECK,
                asset=keys.REPORT_KEY,
                description="The keys that Athena, Spark and others read hold what the manifest names.",
            )
        ],
        pool="warehouse",  # never in the middle of a publication
    )
    def fixed_keys(stage: dg.ResourceParam[Stage]) -> dg.AssetCheckResult:
        try:
            comparison = compare_fixed_keys(ObjectRoot(stage.warehouse, stage.store))
        except ReferaError as error:
            raise dg.Failure(str(error), allow_retries=error.is_transient) from None
        return dg.AssetCheckResult(
            asset_key=keys.REPORT_KEY,
            check_name=FIXED_KEYS_CHECK,
            passed=not comparison.keys,
            description=comparison.message or None,
            metadata={"keys": comparison.key_count, "different": len(comparison.keys)},
        )

    return fixed_keys
