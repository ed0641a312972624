"""A check of what other engines read: the fixed keys hold what the manifest in force names.

A publication makes them so. A copy that a client had given up on can be carried out by the store long after.
"""

import dagster as dg

from refera_platform.errors import ReferaError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.orchestration import keys
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.publish.fixed_keys import compared

SERVED = "engines_read_what_is_published"


def build_fixed_keys_check() -> dg.AssetChecksDefinition:
    """One check for the warehouse, shown at the report, which tells of all of it."""

    @dg.multi_asset_check(
        name="fixed_keys",
        specs=[
            dg.AssetCheckSpec(
                SERVED,
                asset=keys.REPORT,
                description="The keys that Athena, Spark and others read hold what the manifest names.",
            )
        ],
        pool="warehouse",  # not in the midst of a publication
    )
    def fixed_keys(stage: dg.ResourceParam[Stage]) -> dg.AssetCheckResult:
        try:
            found = compared(ObjectRoot(stage.warehouse, stage.store))
        except ReferaError as trouble:
            raise dg.Failure(str(trouble), allow_retries=trouble.passing) from None
        return dg.AssetCheckResult(
            asset_key=keys.REPORT,
            check_name=SERVED,
            passed=not found.keys,
            description=found.told or None,
            metadata={"keys": found.of, "different": len(found.keys)},
        )

    return fixed_keys
