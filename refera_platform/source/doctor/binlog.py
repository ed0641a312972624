"""Whether the server's log tells every change, to this account, for long enough.

Source ──▶ examine_log() ──▶ findings about settings, privileges and how long the log is kept
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from refera_platform.errors import LakeError, SourceError
from refera_platform.source.cascades import Cascades, cascades, reference_grants
from refera_platform.source.connection import Source
from refera_platform.source.doctor.finding import Finding, fail, failed, ok, warn
from refera_platform.source.doctor.privileges import Privilege, account_of, lacking
from refera_platform.source.mysql.binlog.coverage import filters, left_out
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.server_settings import NEEDED, missing
from refera_platform.source.mysql.binlog.verified_position import require_same_log
from refera_platform.source.mysql.server import release
from refera_platform.source.types import backticked, mysql_literal

SHORTEST = timedelta(days=3)
"""A log kept for less does not outlive a long weekend."""
SOON = timedelta(hours=24)
HOSTED = "on Amazon RDS: call mysql.rds_set_configuration('binlog retention hours', 168)"
ACTING = re.compile(
    r"^ *CONSTRAINT `(?:[^`]|``)*` FOREIGN KEY .* ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)",
    re.MULTILINE,
)
"""A foreign key by which the server changes rows, in SHOW CREATE TABLE."""
WEAK_IDENTITY = (10, 11)
"""First version of MariaDB that has a name of its own besides ``server_id``."""


def examine_log(
    source: Source,
    name: str,
    privileges: Sequence[Privilege],
    needed: Position | None,
    since: datetime | None,
) -> Iterator[Finding]:
    """Look at everything that reading the log depends on.

    Args:
        source: An open session.
        name: What the database is called here.
        privileges: What its account may do.
        needed: The oldest place that a table of the lake will be read on from; ``None`` when nothing was captured.
        since: An instant at which that place was still being written, or before; ``None`` without a place.
    """
    settings = source.server.log_settings()
    troubles = missing(settings)
    yield from (failed(f"{name}: log settings", trouble) for trouble in troubles)
    if not troubles:
        told = ", ".join(f"{each} = {settings[each] or repr('')}" for each in NEEDED if each in settings)
        yield ok(f"{name}: log settings", f"{told}.")
    yield _identity(source, name, settings)
    lacks = lacking(privileges)
    if lacks:
        yield fail(
            f"{name}: log privileges",
            f"{source.database.user} has no {' and no '.join(lacks)}, so it cannot read the log.",
            "grant them with the statements of `refera doctor`, or choose strategy compare.",
        )
    else:
        yield ok(f"{name}: log privileges", f"{source.database.user} may read the log.")
    yield _retention(name, settings)
    yield from _cascades(source, name)
    if lacks or settings.get("log_bin", "").upper() not in NEEDED["log_bin"][0]:
        return
    yield from _coverage(source, name)
    if needed and since:
        yield _purge(source, name, settings, needed, since)


def _cascades(source: Source, name: str) -> Iterator[Finding]:
    """Rows that the server deletes or changes on its own are in no log, so their foreign keys must be seen."""
    there = [
        str(table)
        for (table,) in source.ask(
            "select distinct table_name from information_schema.key_column_usage"
            f" where table_schema = {mysql_literal(source.database.name)} and referenced_table_name is not null"
        )
    ]
    acting = sum(
        len(ACTING.findall(str(source.ask(f"show create table {backticked(table)}")[0][1]))) for table in there
    )
    found, schema = cascades(source.ask, source.database.name), source.database.name
    hidden = acting - sum(each.child_schema == schema for each in found.acting)
    if hidden > 0:
        yield fail(
            f"{name}: foreign keys",
            f"{source.database.user} cannot see what {hidden} foreign keys do, so rows that go with their parent would"
            " stay in the lake.",
            f"grant show view on {backticked(source.database.name)}.* to it.",
        )
    elif acting:
        yield ok(f"{name}: foreign keys", f"{acting} foreign keys change rows on their own, and are watched.")


def examine_parents(source: Source, name: str, found: Cascades) -> Iterator[Finding]:
    """Whether the parents of rows that go with others can all be looked at.

    Args:
        source: An open session.
        name: What the database is called here.
        found: The foreign keys that lead to the declared tables.
    """
    if not found.unseen:
        return
    named = ", ".join(".".join(each) for each in sorted(found.unseen))
    statements = " ".join(reference_grants(found.unseen, account_of(source.ask)))
    yield warn(
        f"{name}: parents of parents",
        f"Copied rows go with rows of {named}, whose own foreign keys {source.database.user} may not see: what goes"
        " with their parents is not watched, and would stay in the lake.",
        f"let it see them, and none of their rows: {statements}",
    )


def examine_names(name: str, settings: Mapping[str, str]) -> Finding:
    """Whether the log names the columns of its rows: first of all, since without names each ALTER costs a resnapshot.

    Args:
        name: What the database is called here.
        settings: Settings of the log.
    """
    about, found = f"{name}: names in the log", settings.get("binlog_row_metadata", "")
    if found.upper() == "FULL":
        return ok(about, "The log names the columns of each row.")
    if not found:
        return warn(
            about,
            "This server cannot name columns in its log; they are told apart by their order, so each ALTER of a copied"
            " table costs a resnapshot of it.",
            "`refera resnapshot` a table after it was altered, or update the server.",
        )
    return warn(
        about,
        f"binlog_row_metadata = {found}, so columns are told apart by their order, and each ALTER of a copied table"
        " costs a resnapshot of it.",
        "set global binlog_row_metadata = FULL, and keep it in its configuration.",
    )


def _identity(source: Source, name: str, settings: Mapping[str, str]) -> Finding:
    about, number = f"{name}: server id", settings.get("server_id", "")
    remedy = "give each server a server_id of its own, in its configuration."
    if number in {"", "0"}:
        return fail(about, "The server has no server_id, so it serves its log to nobody.", remedy)
    if source.server.kind == "mariadb" and release(source.ask) < WEAK_IDENTITY and number == "1":
        return warn(about, "server_id is 1, as it is everywhere, so that a replaced server is not noticed.", remedy)
    return ok(about, f"This is {source.identity().server}.")


def kept_for(settings: Mapping[str, str]) -> timedelta | None:
    """How long the server keeps a file of its log; ``None`` for ever."""
    seconds = float(settings.get("binlog_expire_logs_seconds") or 0)
    seconds = seconds or float(settings.get("expire_logs_days") or 0) * 86400
    return timedelta(seconds=seconds) if seconds else None


def _retention(name: str, settings: Mapping[str, str]) -> Finding:
    about, kept = f"{name}: log kept", kept_for(settings)
    if kept is None:
        return ok(about, "The server keeps its log until somebody purges it.")
    told = f"The server keeps its log for {_said(kept)}"
    if kept >= SHORTEST:
        return ok(about, f"{told}.")
    return warn(
        about,
        f"{told}; a run that fails over a long weekend would lose its place.",
        f"set global binlog_expire_logs_seconds = 604800 (expire_logs_days = 7 on older servers; {HOSTED}).",
    )


def _coverage(source: Source, name: str) -> Iterator[Finding]:
    """What the server leaves out of its log changes without a word."""
    try:
        trouble = left_out(source)
        is_partial = trouble is None and filters(source)[1]
    except SourceError as refusal:
        yield failed(f"{name}: log filters", refusal)
        return
    if trouble:
        yield failed(f"{name}: log filters", trouble)
    elif is_partial:
        yield warn(
            f"{name}: log filters",
            "The server leaves some schemas out of its log, for some statements by the schema that the session is in.",
            "take binlog_do_db and binlog_ignore_db out of its configuration.",
        )


def _purge(source: Source, name: str, settings: Mapping[str, str], needed: Position, since: datetime) -> Finding:
    about = f"{name}: place in the log"
    try:
        left = time_left(source, settings, needed, since)
    except (LakeError, SourceError) as trouble:
        return failed(about, trouble)
    if left is None:
        return ok(about, f"The lake goes on from {needed.file}, which is kept.")
    told = f"The lake goes on from {needed.file}, which is kept for {_said(left)} more at least."
    if left >= SOON:
        return ok(about, told)
    return warn(about, told, "run `refera run` now, and let the server keep its log longer.")


def time_left(source: Source, settings: Mapping[str, str], needed: Position, since: datetime) -> timedelta | None:
    """How long at least the server keeps a place of its log; ``None`` for ever.

    Args:
        source: An open session.
        settings: Settings of the log.
        needed: The place.
        since: An instant at which it was still being written, or before.

    Raises:
        LakeError: when the place is gone, or is another one by now.
    """
    require_same_log(source.server, needed)
    kept = kept_for(settings)
    if kept is None:
        return None
    # a file is purged when it was last written so long ago; the newest one is being written
    if needed.file == source.server.binary_logs()[-1][0]:
        return kept
    begun = datetime.fromtimestamp(needed.begun, UTC) if needed.begun else since
    return max(kept - (datetime.now(UTC) - begun), timedelta(0))


def _said(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.0f} hours"
