"""Examination of the binlog: whether it has every change, whether the account may read it, how long it is kept.

Source ──▶ examine_binlog() ──▶ findings about settings, privileges, foreign keys and log retention
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from refera_platform.errors import LakeError, SourceError
from refera_platform.source.cascades import Cascades, find_cascades, reference_grants
from refera_platform.source.connection import Source
from refera_platform.source.doctor.finding import Finding, error_finding, failure_finding, ok_finding, warning_finding
from refera_platform.source.doctor.privileges import Privilege, account_of, missing_privileges
from refera_platform.source.mysql.binlog.coverage import binlog_exclusion_error, binlog_filter
from refera_platform.source.mysql.binlog.server_settings import REQUIRED_SETTINGS, binlog_setting_errors
from refera_platform.source.mysql.binlog.verified_position import require_same_binlog
from refera_platform.source.mysql.server import server_version
from refera_platform.source.position import Position
from refera_platform.source.types import backticked, mysql_literal

MIN_RETENTION = timedelta(days=3)
"""A shorter retention may not outlast a long weekend."""
MIN_RETENTION_LEFT = timedelta(hours=24)
RDS_REMEDY = "on Amazon RDS: call mysql.rds_set_configuration('binlog retention hours', 168)"
CASCADING_KEY_PATTERN = re.compile(
    r"^ *CONSTRAINT `(?:[^`]|``)*` FOREIGN KEY .* ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)",
    re.MULTILINE,
)
"""A foreign key with an action, in SHOW CREATE TABLE."""
SERVER_UID_VERSION = (10, 11)
"""First version of MariaDB with ``server_uid`` besides ``server_id``."""


def examine_binlog(
    source: Source,
    name: str,
    privileges: Sequence[Privilege],
    oldest_position: Position | None,
    since: datetime | None,
) -> Iterator[Finding]:
    """Examine everything that reading the binlog depends on.

    Args:
        source: An open session.
        name: Declared name of the database.
        privileges: Privileges of its account.
        oldest_position: Oldest position from which a table of the lake is read on; ``None`` when there is none.
        since: An instant at which its binlog file was still written, or an earlier one; ``None`` without a position.
    """
    settings = source.server.binlog_settings()
    errors = binlog_setting_errors(settings)
    yield from (error_finding(f"{name}: binlog settings", error) for error in errors)
    if not errors:
        settings_text = ", ".join(
            f"{each} = {settings[each] or repr('')}" for each in REQUIRED_SETTINGS if each in settings
        )
        yield ok_finding(f"{name}: binlog settings", f"{settings_text}.")
    yield _examine_identity(source, name, settings)
    missing_names = missing_privileges(privileges)
    if missing_names:
        yield failure_finding(
            f"{name}: binlog privileges",
            f"{source.database.user} has no {' and no '.join(missing_names)}, so it cannot read the binlog.",
            "grant them with the statements of `refera doctor`, or choose strategy compare.",
        )
    else:
        yield ok_finding(f"{name}: binlog privileges", f"{source.database.user} may read the binlog.")
    yield _examine_retention(name, settings)
    yield from _examine_foreign_keys(source, name)
    if missing_names or settings.get("log_bin", "").upper() not in REQUIRED_SETTINGS["log_bin"][0]:
        return
    yield from _examine_coverage(source, name)
    if oldest_position and since:
        yield _examine_position(source, name, settings, oldest_position, since)


def _examine_foreign_keys(source: Source, name: str) -> Iterator[Finding]:
    """Cascades leave no events in the binlog, so the account must see their foreign keys."""
    child_tables = [
        str(table)
        for (table,) in source.ask(
            "select distinct table_name from information_schema.key_column_usage"
            f" where table_schema = {mysql_literal(source.database.name)} and referenced_table_name is not null"
        )
    ]
    acting_count = sum(
        len(CASCADING_KEY_PATTERN.findall(str(source.ask(f"show create table {backticked(table)}")[0][1])))
        for table in child_tables
    )
    foreign_keys, schema = find_cascades(source.ask, source.database.name), source.database.name
    hidden_count = acting_count - sum(each.child_schema == schema for each in foreign_keys.acting)
    if hidden_count > 0:
        yield failure_finding(
            f"{name}: foreign keys",
            f"{source.database.user} cannot see what {hidden_count} foreign keys do, so rows that are deleted with"
            " their parent would stay in the lake.",
            f"grant show view on {backticked(source.database.name)}.* to it.",
        )
    elif acting_count:
        yield ok_finding(
            f"{name}: foreign keys",
            f"{acting_count} foreign keys change rows by cascade, and their changes are captured.",
        )


def examine_parents(source: Source, name: str, foreign_keys: Cascades) -> Iterator[Finding]:
    """Whether the account sees all parents whose cascades change rows of declared tables.

    Args:
        source: An open session.
        name: Declared name of the database.
        foreign_keys: The foreign keys that lead to the declared tables.
    """
    if not foreign_keys.hidden_parents:
        return
    parents = ", ".join(".".join(each) for each in sorted(foreign_keys.hidden_parents))
    grants = " ".join(reference_grants(foreign_keys.hidden_parents, account_of(source.ask)))
    yield warning_finding(
        f"{name}: parents of parents",
        f"Copied rows are changed or deleted with rows of {parents}, whose own foreign keys {source.database.user} may"
        " not see: rows that are deleted with the parents of those are not detected, and would stay in the lake.",
        f"grant it to see the keys, and none of the rows: {grants}",
    )


def examine_column_names(name: str, settings: Mapping[str, str]) -> Finding:
    """Whether the binlog has column names; without them each ALTER of a table costs a resnapshot.

    Args:
        name: Declared name of the database.
        settings: Settings of the binlog.
    """
    about, row_metadata = f"{name}: column names in the binlog", settings.get("binlog_row_metadata", "")
    if row_metadata.upper() == "FULL":
        return ok_finding(about, "The binlog names the columns of each row.")
    if not row_metadata:
        return warning_finding(
            about,
            "This server cannot name columns in its binlog; they are identified by their order, so each ALTER of a"
            " copied table costs a resnapshot of it.",
            "`refera resnapshot` a table after it was altered, or update the server.",
        )
    return warning_finding(
        about,
        f"binlog_row_metadata = {row_metadata}, so columns are identified by their order, and each ALTER of a"
        " copied table costs a resnapshot of it.",
        "set global binlog_row_metadata = FULL, and keep it in its configuration.",
    )


def _examine_identity(source: Source, name: str, settings: Mapping[str, str]) -> Finding:
    about, number = f"{name}: server id", settings.get("server_id", "")
    remedy = "give each server a server_id of its own, in its configuration."
    if number in {"", "0"}:
        return failure_finding(about, "The server has no server_id, so it sends its binlog to nobody.", remedy)
    if source.server.kind == "mariadb" and server_version(source.ask) < SERVER_UID_VERSION and number == "1":
        return warning_finding(about, "server_id is 1, the default, so a replaced server is not noticed.", remedy)
    return ok_finding(about, f"This is {source.identity().server}.")


def binlog_retention(settings: Mapping[str, str]) -> timedelta | None:
    """Log retention: how long the server keeps a binlog file; ``None`` for ever."""
    seconds = float(settings.get("binlog_expire_logs_seconds") or 0)
    seconds = seconds or float(settings.get("expire_logs_days") or 0) * 86400
    return timedelta(seconds=seconds) if seconds else None


def _examine_retention(name: str, settings: Mapping[str, str]) -> Finding:
    about, retention = f"{name}: binlog retention", binlog_retention(settings)
    if retention is None:
        return ok_finding(about, "The server keeps its binlog until somebody purges it.")
    problem = f"The server keeps its binlog for {_duration_text(retention)}"
    if retention >= MIN_RETENTION:
        return ok_finding(about, f"{problem}.")
    return warning_finding(
        about,
        f"{problem}; a run that fails over a long weekend would lose its binlog position.",
        f"set global binlog_expire_logs_seconds = 604800 (expire_logs_days = 7 on older servers; {RDS_REMEDY}).",
    )


def _examine_coverage(source: Source, name: str) -> Iterator[Finding]:
    """Changes that the server leaves out of its binlog would be lost silently."""
    try:
        error = binlog_exclusion_error(source)
        is_partial = error is None and binlog_filter(source)[1]
    except SourceError as refusal:
        yield error_finding(f"{name}: binlog filters", refusal)
        return
    if error:
        yield error_finding(f"{name}: binlog filters", error)
    elif is_partial:
        yield warning_finding(
            f"{name}: binlog filters",
            "The server leaves some schemas out of its binlog, for some statements by the schema that the session is"
            " in.",
            "take binlog_do_db and binlog_ignore_db out of its configuration.",
        )


def _examine_position(
    source: Source, name: str, settings: Mapping[str, str], oldest_position: Position, since: datetime
) -> Finding:
    about = f"{name}: binlog position"
    try:
        remaining = retention_left(source, settings, oldest_position, since)
    except (LakeError, SourceError) as error:
        return error_finding(about, error)
    if remaining is None:
        return ok_finding(about, f"The lake continues from {oldest_position.file}, which is kept.")
    summary = (
        f"The lake continues from {oldest_position.file}, which is kept for {_duration_text(remaining)} more at least."
    )
    if remaining >= MIN_RETENTION_LEFT:
        return ok_finding(about, summary)
    return warning_finding(about, summary, "run `refera run` now, and let the server keep its binlog longer.")


def retention_left(
    source: Source, settings: Mapping[str, str], position: Position, since: datetime
) -> timedelta | None:
    """Least time for which the server still keeps a binlog position; ``None`` for ever.

    Args:
        source: An open session.
        settings: Settings of the binlog.
        position: The position.
        since: An instant at which its binlog file was still written, or an earlier one.

    Raises:
        LakeError: when the position is gone, or the binlog was replaced.
    """
    require_same_binlog(source.server, position)
    retention = binlog_retention(settings)
    if retention is None:
        return None
    # retention counts from the last write to a file; the newest file is still written
    if position.file == source.server.binlog_files()[-1][0]:
        return retention
    begin = datetime.fromtimestamp(position.begun, UTC) if position.begun else since
    return max(retention - (datetime.now(UTC) - begin), timedelta(0))


def _duration_text(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.0f} hours"
