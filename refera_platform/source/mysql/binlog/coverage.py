"""Check that changes of a schema reach the binlog: filters, and replicas without log_slave_updates, leave some out."""

from refera_platform.errors import SourceError
from refera_platform.source.connection import Source
from refera_platform.source.mysql.server import server_version


def require_schema_in_binlog(source: Source) -> None:
    """Stop before the binlog is read when it has no changes of our schema.

    Raises:
        SourceError: naming the setting that leaves them out.
    """
    if error := binlog_exclusion_error(source):
        raise error


def binlog_exclusion_error(source: Source) -> SourceError | None:
    """Error that says why the binlog lacks changes of our schema; ``None`` when it has them."""
    option, _ = binlog_filter(source)
    if option:
        return SourceError(
            f"The server leaves schema {source.database.name} out of its binlog ({option}), so no change would arrive:",
            f"take {option} out of its configuration and restart it, or choose strategy compare.",
        )
    replica_settings = source.ask(
        "show global variables where variable_name in ('log_slave_updates', 'log_replica_updates')"
    )
    replica_status = source.ask("show global status where variable_name in ('Slaves_running', 'Slave_running')")
    is_replica = any(str(value).upper() not in {"0", "OFF", ""} for _, value in replica_status)
    if is_replica and not any(str(value).upper() in {"ON", "1"} for _, value in replica_settings):
        return SourceError(
            "The server is a replica that does not write what it receives into its own binlog:",
            "set log_slave_updates in its configuration and restart it, or read from its primary.",
        )
    return None


def binlog_filter(source: Source) -> tuple[str, bool]:
    """The option that keeps our schema out of the binlog (empty if none), and whether the server filters schemas."""
    is_renamed = source.server.kind == "mysql" and server_version(source.ask) >= (8, 2)
    rows = source.ask("show binary log status" if is_renamed else "show master status")
    texts = rows[0][2:4] if rows else ("", "")
    included_schemas, ignored_schemas = ({part.strip() for part in str(text or "").split(",")} - {""} for text in texts)
    schema = source.database.name
    option = (
        "binlog_do_db"
        if included_schemas and schema not in included_schemas
        else "binlog_ignore_db"
        if schema in ignored_schemas
        else ""
    )
    return option, bool(included_schemas or ignored_schemas)
