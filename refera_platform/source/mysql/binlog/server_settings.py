"""What a server must write into its log so that every row can be told from it."""

from collections.abc import Mapping

from refera_platform.errors import SourceError

REQUIRED_SETTINGS: Mapping[str, tuple[frozenset[str], str]] = {
    "log_bin": (frozenset({"ON", "1"}), "add log_bin to its configuration and restart it, or choose strategy compare."),
    "binlog_format": (frozenset({"ROW"}), "set global binlog_format = ROW, and keep it in its configuration."),
    "binlog_row_image": (
        frozenset({"FULL"}),
        "set global binlog_row_image = FULL, and keep it in its configuration.",
    ),
    "binlog_row_value_options": (
        frozenset({""}),
        "set global binlog_row_value_options = '', and keep it in its configuration.",
    ),
}
"""Values that each setting may have, and what to do otherwise; one the server does not know is as it should be."""


def binlog_setting_errors(settings: Mapping[str, str]) -> list[SourceError]:
    """One sentence for each setting under which the log would not tell every row."""
    return [
        SourceError(
            f"The server runs with {name} = {settings[name] or 'OFF'}, so its log does not tell every row:",
            remedy,
        )
        for name, (allowed, remedy) in REQUIRED_SETTINGS.items()
        if name in settings and settings[name].upper() not in allowed
    ]


def require_full_binlog(settings: Mapping[str, str]) -> None:
    """Stop before anything is read when the log would not tell every row.

    Raises:
        SourceError: naming the first setting and its remedy.
    """
    for error in binlog_setting_errors(settings):
        raise error
