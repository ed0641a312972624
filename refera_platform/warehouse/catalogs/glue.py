"""Registration of the published tables in the AWS Glue Data Catalog, for Athena and others; off by default.

Decides nothing about types and columns: ``glue_tables`` does. Writes only what differs from the catalog.

CatalogTable ──register_glue_tables()──▶ database, external tables, partitions
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.aws import aws_client
from refera_platform.errors import WarehouseError
from refera_platform.settings.object_store import ObjectStore
from refera_platform.warehouse.catalogs.glue_tables import (
    OWNER_PARAMETERS,
    CatalogTable,
    matches_catalog,
    partition_input,
    table_input,
)

GLUE_ACTIONS = (
    "glue:GetDatabase",
    "glue:CreateDatabase",
    "glue:GetTable",
    "glue:GetTables",
    "glue:CreateTable",
    "glue:UpdateTable",
    "glue:DeleteTable",
    "glue:GetPartitions",
    "glue:BatchCreatePartition",
    "glue:BatchUpdatePartition",
    "glue:BatchDeletePartition",
)
"""The actions that IAM must allow on the catalog, the database and its tables."""
MAX_WRITE_BATCH_PARTITIONS, MAX_DELETE_BATCH_PARTITIONS = 100, 25
"""Most partitions that Glue takes in one request."""


@dataclass(frozen=True, kw_only=True)
class GlueChanges:
    """What was written into the catalog; all empty when it was up to date."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    partitions: Mapping[str, int] = field(default_factory=dict)
    """Partitions written or removed, by table."""


def register_glue_tables(
    store: ObjectStore, database: str, root: str, tables: Iterable[CatalogTable], *, endpoint: str = ""
) -> GlueChanges:
    """Make the catalog match what is published, and change no table that refera_platform did not create.

    Args:
        store: Region and credentials.
        database: Name of the Glue database, created when it is missing.
        root: The warehouse. Own tables that lie in it and are no longer published are removed.
        tables: Everything that is published.
        endpoint: ``http(s)://host:port`` in place of AWS.

    Raises:
        WarehouseError: when a table is not ours, a type does not exist in Hive, or Glue refuses. The publication stays.
    """
    table_inputs = {table.name: table_input(table) for table in tables}
    catalog_tables = {table.name: table for table in tables}
    glue = aws_client(store, "glue", endpoint=endpoint)
    with glue_errors(database):
        _ensure_database(glue, database)
        existing_tables = {
            table["Name"]: table
            for page in glue.get_paginator("get_tables").paginate(DatabaseName=database)
            for table in page["TableList"]
        }
    for name in sorted(set(table_inputs) & set(existing_tables)):
        _require_owned(existing_tables[name], database, root)
    created, updated = [], []
    partitions: dict[str, int] = {}
    for name, table in table_inputs.items():
        with glue_errors(f"{database}.{name}"):
            existing_table = existing_tables.get(name) or _create_table(glue, database, table)
            if existing_table is None:
                created.append(name)
            else:
                _require_owned(existing_table, database, root)
                if _update_table(glue, database, table, existing_table):
                    updated.append(name)
            if catalog_tables[name].partition_column:
                changed = _sync_partitions(glue, database, table, catalog_tables[name].partitions)
                partitions |= {name: changed} if changed else {}
    unpublished = [
        name for name, table in existing_tables.items() if name not in table_inputs and _is_owned(table, root)
    ]
    for name in unpublished:
        with glue_errors(f"{database}.{name}", ignored_code="EntityNotFoundException"):
            glue.delete_table(DatabaseName=database, Name=name)
    return GlueChanges(
        created=tuple(created), updated=tuple(updated), removed=tuple(unpublished), partitions=partitions
    )


@contextmanager
def glue_errors(subject: str, *, ignored_code: str = "") -> Iterator[None]:
    """Turn an error of AWS into a ``WarehouseError`` about ``subject``; ignore the code that means: done already."""
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code, message = str(detail.get("Code", "?")), str(detail.get("Message", "")).rstrip(".")
        if code == ignored_code:
            return
        action = f"glue:{error.operation_name}"
        if code == "ConcurrentModificationException":
            raise WarehouseError(
                f"Another run wrote {subject} into the Glue catalog meanwhile:", "run it again.", is_transient=True
            ) from None
        remedy = (
            f"allow {action} in IAM, or all of {', '.join(GLUE_ACTIONS)} (README, Athena)."
            if "AccessDenied" in code
            else "the tables on S3 are published; correct it and run again, or unset REFERA_GLUE_DATABASE."
        )
        raise WarehouseError(
            f"AWS refused {action} of {subject} in the Glue catalog ({code}: {message}):", remedy
        ) from None
    except BotoCoreError as error:
        raise WarehouseError(
            f"The Glue catalog could not be reached for {subject} ({error}):",
            "check REFERA_S3_REGION and the credentials, or unset REFERA_GLUE_DATABASE.",
        ) from None


def _ensure_database(glue: Any, database: str) -> None:
    try:
        glue.get_database(Name=database)
    except glue.exceptions.EntityNotFoundException:
        about = "Published by refera_platform: dimensions, facts and answers."
        with glue_errors(database, ignored_code="AlreadyExistsException"):
            glue.create_database(DatabaseInput={"Name": database, "Description": about, "Parameters": OWNER_PARAMETERS})


def _create_table(glue: Any, database: str, table: Mapping[str, Any]) -> dict[str, Any] | None:
    """Create a table. When another run has just created it, return that one."""
    try:
        glue.create_table(DatabaseName=database, TableInput=table)
    except glue.exceptions.AlreadyExistsException:
        existing: dict[str, Any] = glue.get_table(DatabaseName=database, Name=table["Name"])["Table"]
        return existing
    return None


def _update_table(glue: Any, database: str, table: Mapping[str, Any], existing: Mapping[str, Any]) -> bool:
    """Update the table when the catalog differs from it."""
    if matches_catalog(table, existing):
        return False
    if matches_catalog(table["PartitionKeys"], existing.get("PartitionKeys", [])):
        glue.update_table(DatabaseName=database, TableInput=table, SkipArchive=True)
    else:  # Glue keeps the partition keys that a table was created with; the objects in S3 are not touched
        glue.delete_table(DatabaseName=database, Name=table["Name"])
        glue.create_table(DatabaseName=database, TableInput=table)
    return True


def _is_owned(table: Mapping[str, Any], root: str) -> bool:
    location = table.get("StorageDescriptor", {}).get("Location", "")
    owned = OWNER_PARAMETERS.items() <= table.get("Parameters", {}).items()
    return bool(owned and location.startswith(f"{root.rstrip('/')}/"))


def _require_owned(table: Mapping[str, Any], database: str, root: str) -> None:
    if not _is_owned(table, root):
        location = table.get("StorageDescriptor", {}).get("Location", "nowhere")
        raise WarehouseError(
            f"Table {database}.{table['Name']} of the Glue catalog lies in {location} and is not this warehouse's"
            f" ({root}), so it was not changed:",
            "choose another REFERA_GLUE_DATABASE, or drop that table.",
        )


def _sync_partitions(glue: Any, database: str, table: Mapping[str, Any], values: Sequence[str]) -> int:
    """Make the partitions in the catalog match the published ones.

    Returns:
        How many partitions were written or removed.
    """
    table_reference = {"DatabaseName": database, "TableName": table["Name"]}
    existing = {
        partition["Values"][0]: partition
        for page in glue.get_paginator("get_partitions").paginate(**table_reference)
        for partition in page["Partitions"]
    }
    expected = {value: partition_input(table, value) for value in values}
    missing = [partition for value, partition in expected.items() if value not in existing]
    outdated = [
        partition
        for value, partition in expected.items()
        if value in existing and not matches_catalog(partition, existing[value])
    ]
    unpublished = [{"Values": [value]} for value in existing if value not in expected]
    for batch in _batches(missing, MAX_WRITE_BATCH_PARTITIONS):
        response = glue.batch_create_partition(**table_reference, PartitionInputList=batch)
        existing_values = _ignored_partition_errors(
            response, table_reference, ignored_code="AlreadyExistsException"
        )  # another run created it meanwhile
        outdated += [partition for partition in batch if partition["Values"] in existing_values]
    for batch in _batches(outdated, MAX_WRITE_BATCH_PARTITIONS):
        entries = [{"PartitionValueList": each["Values"], "PartitionInput": each} for each in batch]
        _ignored_partition_errors(glue.batch_update_partition(**table_reference, Entries=entries), table_reference)
    for batch in _batches(unpublished, MAX_DELETE_BATCH_PARTITIONS):
        response = glue.batch_delete_partition(**table_reference, PartitionsToDelete=batch)
        _ignored_partition_errors(response, table_reference, ignored_code="EntityNotFoundException")
    return len(missing) + len([each for each in outdated if each not in missing]) + len(unpublished)


def _ignored_partition_errors(
    response: Mapping[str, Any], table_reference: Mapping[str, str], *, ignored_code: str = ""
) -> list[list[str]]:
    """Values of the partitions whose errors can be ignored; the request succeeds even when every partition failed."""
    ignored = []
    for error in response.get("Errors", ()):
        values = error.get("PartitionValues") or error.get("PartitionValueList") or []
        detail = error.get("ErrorDetail", {})
        if detail.get("ErrorCode") != ignored_code:
            raise WarehouseError(
                f"Glue did not accept partition {'/'.join(values)} of {'.'.join(table_reference.values())}"
                f" ({detail.get('ErrorCode', '?')}: {str(detail.get('ErrorMessage', '')).rstrip('.')}):",
                "the tables on S3 are published; run it again.",
            )
        ignored.append(values)
    return ignored


def _batches(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
