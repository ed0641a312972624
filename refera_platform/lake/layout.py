"""Layout of the lake: the only module that makes or parses keys of raw objects.

<lake>/<database>/<table>/day=YYYY-MM-DD/part-0.parquet
<lake>/_staging/…                                          chunks and notes, which no reader of tables looks at
"""

import re
from datetime import date
from urllib.parse import quote

from refera_platform.source.table import SourceTable

STAGING_PREFIX = "_staging/"
OBJECT_KEY_PATTERN = re.compile(r"day=(\d{4}-\d{2}-\d{2})/part-0\.parquet")


def table_folder(table: SourceTable) -> str:
    """The key prefix of a table, with its slash; characters that a key should not hold are percent-encoded."""
    return f"{table.database}/{quote(table.name, safe='$-_.')}/"


def raw_object_key(table: SourceTable, day: date) -> str:
    """The key of the one object of a day."""
    return f"{table_folder(table)}day={day:%Y-%m-%d}/part-0.parquet"


def day_of_key(table: SourceTable, candidate: str) -> date | None:
    """The day a key belongs to; ``None`` for what is not a raw object of this table."""
    match = OBJECT_KEY_PATTERN.fullmatch(candidate.removeprefix(table_folder(table)))
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:  # 2026-02-30
        return None
