"""One value of each thing that is stored or sent as JSON, with something in every field.

``stored/`` holds what the version before ``json_codec`` wrote of each, under the same names.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from refera_platform.alerts.fault import FaultKind
from refera_platform.alerts.state import AlertState, ChannelBackoff, Notification, TrackedIncident
from refera_platform.doctor.log_retention import LogRetention
from refera_platform.doctor.preflight import Diagnosis
from refera_platform.errors import DayRefused, LakeError
from refera_platform.ingest.result import IngestedDay, IngestFailure, IngestResult
from refera_platform.ingest.snapshot.chunks import ChunkPlan, PendingChunks
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import SchemaChange
from refera_platform.orchestration.alerts import AlertsCursor
from refera_platform.reconcile.result import ReconcileResult
from refera_platform.sandbox.stack_file import Account, DatabaseAddress, StackAddress, StoreAddress
from refera_platform.source.doctor.finding import Finding, Verdict
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.catalogs.lineage import ColumnReference, Lineage
from refera_platform.warehouse.publish.manifest import Publication, PublishedModel, PublishedObject

ORDERS = SourceTable(database="classicmodels", name="orders", key=("orderNumber",), about="Orders.")
STATE = RawState(
    database="classicmodels",
    table="orders",
    day=date(2026, 3, 10),
    strategy="log",
    server="5b2c",
    schema="classicmodels",
    start_position="binlog.000001/000000000004",
    end_position="binlog.000002/000000009001",
    read_at="2026-03-11T00:30:00.250000+00:00",
    resume_position="binlog.000002/000000008000",
    is_closed=False,
    is_settled=False,
    baseline=3,
    is_replayable=False,
    origin="0f" * 16,
    is_whole=True,
    is_observed=False,
    unknown_since="2026-03-08T00:00:00+00:00",
    unknown_until="2026-03-10T12:00:00+00:00",
    columns={"orderNumber": "INTEGER", "ação ☃": "VARCHAR", "amount": "DECIMAL(10,2)", "a": "BLOB"},
    source_types={"orderNumber": "int", "ação ☃": "varchar(20) utf8mb4"},
    collations={"ação ☃": "utf8mb4_general_ci"},
    schema_version=2,
    schema_since="2026-03-09",
    rows={"r": 12, "u": 3, "d": 1},
    table_rows=9_007_199_254_740_993,
    source_rows=11,
    source_money="-1234567890123456789.10",
    source_groups={"status": (("Shipped ☃", 7, "10.50"), (None, 3, None)), "none": ()},
    quirks={"amount": 2},
    passes=4,
    code_version="26.11",
)
EMPTY_STATE = RawState(
    database="classicmodels",
    table="orders",
    day=date(2026, 3, 9),
    strategy="compare",
    server="5b2c",
    schema="classicmodels",
    start_position="",
    end_position="2026-03-09T12:00:00+00:00",
    code_version="26.11",
)
SALES = PublishedModel(
    rows=3,
    bytes=40,
    run_id="run-1",
    columns={"order_month": "VARCHAR", "amount": "DECIMAL(10,2)"},
    stored_by="order_month",
    objects=(
        PublishedObject(month="2026-02", rows=1, bytes=20, sha256="ab", etag='"e1"', totals={"amount": "10.50"}),
        PublishedObject(month="2026-03", rows=2, bytes=20, sha256="cd"),
    ),
)
PUBLICATION = Publication(
    run_id="run-2",
    published_at="2026-03-10T12:00:00.000001+00:00",
    models={"fct_sales": SALES, "dim_é": PublishedModel(rows=0, bytes=0, run_id="run-2", columns={}, objects=())},
    sources={"classicmodels.orders": {"day": "2026-03-09", "objects": 3, "server": None, "deep": [1.5, {"a": []}]}},
    state={"int_orders": SALES},
    complete_run="run-0",
    logic="12ab",
    inputs="34cd",
    retired={"_objects/fct_sales/ef.parquet": "2026-03-09T12:00:00+00:00"},
    etag="etag",
)
LINEAGE = Lineage(
    models={
        "fct_sales": {"amount": (ColumnReference("shop.orders", "price"), ColumnReference("dim_é", "x")), "one": ()},
        "dim_é": {"x": (ColumnReference("shop.orders", "é"),)},
    },
    problems={"ans_odd": "it cannot be parsed"},
)
CURSOR = AlertsCursor(
    checked_until=datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC),
    pending_run_ids=("run-1", "run-2"),
    memory=AlertState(
        incidents=(
            TrackedIncident(
                id="i1",
                fingerprint="f1",
                kind=FaultKind.REFUSED,
                cause="Day is over: ☃",
                link="/runs/1",
                since=datetime(2026, 3, 10, 11, tzinfo=UTC),
                affected=("raw/b", "raw/a"),
                ended_at=datetime(2026, 3, 10, 12, tzinfo=UTC),
                notifications={
                    "webhook": Notification(
                        affected=("raw/a", "raw/b", "raw/c"),
                        notified_at=datetime(2026, 3, 10, 11, 30, tzinfo=UTC),
                        is_over=True,
                    ),
                    "mail": Notification(
                        affected=(), notified_at=datetime(2026, 3, 10, 11, 31, tzinfo=UTC), is_over=False
                    ),
                },
                symptoms=("raw/a\tcheck", "raw/b"),
            ),
            TrackedIncident(
                id="i2",
                fingerprint="f2",
                kind=FaultKind.RUN,
                cause="c",
                link="/runs/2",
                since=datetime(2026, 3, 10, 11, tzinfo=UTC),
                affected=("raw/a",),
                ended_at=None,
                notifications={},
                symptoms=("raw/a",),
            ),
        ),
        backoffs={"mail": ChannelBackoff(failures=3, until=datetime(2026, 3, 10, 12, 5, tzinfo=UTC))},
    ),
)
PLAN = ChunkPlan(
    id="1f" * 16,
    server="5b2c",
    schema="classicmodels",
    position="binlog.000001/000000000004",
    columns={"orderNumber": "INTEGER", "é": "VARCHAR"},
    bounds=[("7", "ação"), ("9", "00FF")],
    declared="d1",
    most_rows=10,
)
RESULT = IngestResult(
    table=ORDERS,
    ingested_days=(
        IngestedDay(day=date(2026, 3, 9), state=EMPTY_STATE, size_bytes=10, url="s3://lake/9.parquet"),
        IngestedDay(day=date(2026, 3, 10), state=STATE, added={"u": 3}, size_bytes=20, url="s3://lake/10.parquet"),
    ),
    schema_change=SchemaChange(added=("x",), changed=("a: INTEGER → BIGINT",), gone=("y",)),
    changed_rows_by_day={date(2026, 3, 8): 5, date(2026, 3, 9): 0},
    unseen_days=(date(2026, 3, 7),),
    unchanged_days=(date(2026, 3, 5), date(2026, 3, 6)),
    source_rows=None,
    lake_rows=12,
    duplicate_rows=1,
    reconcile_result=ReconcileResult(
        scope="the whole table",
        rows=12,
        columns=("orderNumber", "é"),
        left_out=("phone",),
        first="orderNumber=1: é is 'a'",
        first_place="orderNumber=1: é",
        first_columns="orderNumber, é",
        error="max_statement_time",
        why_not="because",
        seconds=0.25,
    ),
    seconds=1.5,
    is_settled=False,
    unreadable_parents=("other.parents",),
)
FAILURE = IngestFailure(
    table=ORDERS, error=DayRefused("Day 'x' is over:", "take another.", is_transient=True, public_problem="Day is over")
)
CHUNKS = PendingChunks(table=ORDERS, plan_id="1f" * 16, missing_numbers=(0, 3), chunk_count=9)
DIAGNOSIS = Diagnosis(
    findings=[
        Finding(about="classicmodels: login", verdict=Verdict.OK, found="é"),
        Finding(about="disk", verdict=Verdict.WARN, found="9 GB", remedy="buy one."),
        Finding(about="lake", verdict=Verdict.FAIL, found="gone", remedy="make it."),
    ],
    grants={"classicmodels": ["GRANT SELECT", "GRANT RELOAD"]},
)
RETENTIONS = (
    LogRetention(has_read_log=False, remaining_seconds=None, error=None),
    LogRetention(has_read_log=True, remaining_seconds=172_803.5, error=None),
    LogRetention(has_read_log=True, remaining_seconds=None, error=LakeError("Purged:", "hurry.")),
)
STACK = StackAddress(
    mariadb=DatabaseAddress(
        host="127.0.0.1",
        port=3306,
        socket="/tmp/é.sock",
        database="classicmodels",
        admin=Account(user="refera_admin", password="one"),
        reader=Account(user="refera_reader", password="two"),
        root=Account(user="root", password="three"),
    ),
    s3=StoreAddress(
        endpoint="http://127.0.0.1:8333",
        region="us-east-1",
        access_key="refera1",
        secret_key="four",
        bucket="refera",
        first_port=9000,
    ),
)


@dataclass
class OneObject:
    """A bucket in which every key holds the same text."""

    text: str

    def read(self, key: str) -> tuple[bytes, str]:
        return self.text.encode(), "etag"

    def write(self, key: str, content: bytes) -> None:
        self.text = content.decode()

    def list(self, prefix: str) -> tuple[()]:
        return ()

    def url(self, key: str) -> str:
        return f"s3://b/{key}"
