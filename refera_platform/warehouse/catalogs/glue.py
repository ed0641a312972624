"""The published tables in AWS's Glue Data Catalog, for Athena and whatever else reads it; off unless a stage names one.

CatalogTable (what is published) ──register()──▶ database, external tables, partitions; only what differs is written
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
    OWNER,
    CatalogTable,
    agrees,
    partition_input,
    table_input,
)

ACTIONS = (
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
"""All that IAM must allow, on the catalog, the database and its tables."""
AT_ONCE, DELETED_AT_ONCE = 100, 25
"""Partitions that Glue takes in one request."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What was written into the catalog; all empty when it was right already."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    partitions: Mapping[str, int] = field(default_factory=dict)
    """Partitions written or removed, by table."""


def register(
    store: ObjectStore, database: str, root: str, tables: Iterable[CatalogTable], *, endpoint: str = ""
) -> Registered:
    """Make the catalog say what is published, and touch nothing that is not ours.

    Args:
        store: Region and credentials.
        database: Name of the Glue database, made when it is missing.
        root: The warehouse; tables of ours that lie in it and are no longer published are taken out.
        tables: Everything that is published.
        endpoint: ``http(s)://host:port`` of something else than AWS.

    Raises:
        WarehouseError: when a table is not ours, a type has no word in Hive, or Glue refuses; what is published stays.
    """
    wanted = {table.name: table_input(table) for table in tables}
    described = {table.name: table for table in tables}
    glue = aws_client(store, "glue", endpoint=endpoint)
    with explained(database):
        _ensure_database(glue, database)
        there = {
            table["Name"]: table
            for page in glue.get_paginator("get_tables").paginate(DatabaseName=database)
            for table in page["TableList"]
        }
    for name in sorted(set(wanted) & set(there)):
        _require_ours(there[name], database, root)
    created, updated = [], []
    partitions: dict[str, int] = {}
    for name, table in wanted.items():
        with explained(f"{database}.{name}"):
            before = there.get(name) or _created(glue, database, table)
            if before is None:
                created.append(name)
            else:
                _require_ours(before, database, root)
                if _bring_up_to_date(glue, database, table, before):
                    updated.append(name)
            if described[name].partition_column:
                changed = _align_partitions(glue, database, table, described[name].partitions)
                partitions |= {name: changed} if changed else {}
    gone = [name for name, table in there.items() if name not in wanted and _is_ours(table, root)]
    for name in gone:
        with explained(f"{database}.{name}", forgiving="EntityNotFoundException"):
            glue.delete_table(DatabaseName=database, Name=name)
    return Registered(created=tuple(created), updated=tuple(updated), removed=tuple(gone), partitions=partitions)


@contextmanager
def explained(what: str, *, forgiving: str = "") -> Iterator[None]:
    """Turn an error of AWS into a sentence on ``what``, but for one that means it is done already."""
    try:
        yield
    except ClientError as trouble:
        error = trouble.response.get("Error", {})
        code, said = str(error.get("Code", "?")), str(error.get("Message", "")).rstrip(".")
        if code == forgiving:
            return
        action = f"glue:{trouble.operation_name}"
        if code == "ConcurrentModificationException":
            raise WarehouseError(
                f"Another run wrote {what} into the Glue catalog meanwhile:", "run it again.", passing=True
            ) from None
        remedy = (
            f"allow {action} in IAM, or all of {', '.join(ACTIONS)} (README, Athena)."
            if "AccessDenied" in code
            else "the tables on S3 are published; mend it and run again, or unset REFERA_GLUE_DATABASE."
        )
        raise WarehouseError(f"AWS refused {action} of {what} in the Glue catalog ({code}: {said}):", remedy) from None
    except BotoCoreError as trouble:
        raise WarehouseError(
            f"The Glue catalog could not be reached for {what} ({trouble}):",
            "check REFERA_S3_REGION and the credentials, or unset REFERA_GLUE_DATABASE.",
        ) from None


def _ensure_database(glue: Any, database: str) -> None:
    try:
        glue.get_database(Name=database)
    except glue.exceptions.EntityNotFoundException:
        about = "Published by refera_platform: dimensions, facts and answers."
        with explained(database, forgiving="AlreadyExistsException"):
            glue.create_database(DatabaseInput={"Name": database, "Description": about, "Parameters": OWNER})


def _created(glue: Any, database: str, table: Mapping[str, Any]) -> dict[str, Any] | None:
    """Create a table; the one that another run created a moment ago is answered instead."""
    try:
        glue.create_table(DatabaseName=database, TableInput=table)
    except glue.exceptions.AlreadyExistsException:
        found: dict[str, Any] = glue.get_table(DatabaseName=database, Name=table["Name"])["Table"]
        return found
    return None


def _bring_up_to_date(glue: Any, database: str, table: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Write the table when the catalog says something else of it."""
    if agrees(table, before):
        return False
    if agrees(table["PartitionKeys"], before.get("PartitionKeys", [])):
        glue.update_table(DatabaseName=database, TableInput=table, SkipArchive=True)
    else:  # Glue keeps the keys that a table was made with; its objects stay where they are
        glue.delete_table(DatabaseName=database, Name=table["Name"])
        glue.create_table(DatabaseName=database, TableInput=table)
    return True


def _is_ours(table: Mapping[str, Any], root: str) -> bool:
    location = table.get("StorageDescriptor", {}).get("Location", "")
    owned = OWNER.items() <= table.get("Parameters", {}).items()
    return bool(owned and location.startswith(f"{root.rstrip('/')}/"))


def _require_ours(table: Mapping[str, Any], database: str, root: str) -> None:
    if not _is_ours(table, root):
        location = table.get("StorageDescriptor", {}).get("Location", "nowhere")
        raise WarehouseError(
            f"Table {database}.{table['Name']} of the Glue catalog lies in {location} and is not this warehouse's"
            f" ({root}), so it was left as it is:",
            "choose another REFERA_GLUE_DATABASE, or drop that table.",
        )


def _align_partitions(glue: Any, database: str, table: Mapping[str, Any], values: Sequence[str]) -> int:
    """Make the partitions in the catalog those that are published, and say how many were not."""
    place = {"DatabaseName": database, "TableName": table["Name"]}
    there = {
        partition["Values"][0]: partition
        for page in glue.get_paginator("get_partitions").paginate(**place)
        for partition in page["Partitions"]
    }
    wanted = {value: partition_input(table, value) for value in values}
    fresh = [partition for value, partition in wanted.items() if value not in there]
    stale = [partition for value, partition in wanted.items() if value in there and not agrees(partition, there[value])]
    gone = [{"Values": [value]} for value in there if value not in wanted]
    for batch in _batches(fresh, AT_ONCE):
        answer = glue.batch_create_partition(**place, PartitionInputList=batch)
        taken = _failed(answer, place, forgiving="AlreadyExistsException")  # another run was there first
        stale += [partition for partition in batch if partition["Values"] in taken]
    for batch in _batches(stale, AT_ONCE):
        entries = [{"PartitionValueList": each["Values"], "PartitionInput": each} for each in batch]
        _failed(glue.batch_update_partition(**place, Entries=entries), place)
    for batch in _batches(gone, DELETED_AT_ONCE):
        answer = glue.batch_delete_partition(**place, PartitionsToDelete=batch)
        _failed(answer, place, forgiving="EntityNotFoundException")
    return len(fresh) + len([each for each in stale if each not in fresh]) + len(gone)


def _failed(answer: Mapping[str, Any], place: Mapping[str, str], *, forgiving: str = "") -> list[list[str]]:
    """Values of the partitions that need no error; the request as a whole succeeds even when each of them failed."""
    forgiven = []
    for error in answer.get("Errors", ()):
        values = error.get("PartitionValues") or error.get("PartitionValueList") or []
        detail = error.get("ErrorDetail", {})
        if detail.get("ErrorCode") != forgiving:
            raise WarehouseError(
                f"Glue did not take partition {'/'.join(values)} of {'.'.join(place.values())}"
                f" ({detail.get('ErrorCode', '?')}: {str(detail.get('ErrorMessage', '')).rstrip('.')}):",
                "the tables on S3 are published; run it again.",
            )
        forgiven.append(values)
    return forgiven


def _batches(things: Sequence[Any], size: int) -> Iterator[list[Any]]:
    return (list(things[start : start + size]) for start in range(0, len(things), size))
