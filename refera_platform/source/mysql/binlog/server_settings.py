"""Server settings that the binlog needs to hold every row in full, and the errors when one is missing."""

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
"""Allowed values and remedy by setting; a setting that the server does not have is fine."""


def binlog_setting_errors(settings: Mapping[str, str]) -> list[SourceError]:
    """One error for each setting that keeps rows, or parts of them, out of the binlog."""
    return [
        SourceError(
            f"The server runs with {name} = {settings[name] or 'OFF'}, so its binlog does not hold every change in"
            " full:",
            remedy,
        )
        for name, (allowed, remedy) in REQUIRED_SETTINGS.items()
        if name in settings and settings[name].upper() not in allowed
    ]


def require_full_binlog(settings: Mapping[str, str]) -> None:
    """Stop before anything is read when a setting keeps rows, or parts of them, out of the binlog.

    Raises:
        SourceError: naming the first setting and its remedy.
    """
    for error in binlog_setting_errors(settings):
        raise error
