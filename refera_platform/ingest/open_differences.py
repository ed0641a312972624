"""Open differences: a difference between lake and source stays reported until the table is compared again.

    IngestResult ──▶ open_difference(lake, result) ──▶ the difference, or an empty text
                     <lake>/_staging/_differing/<database>/<table>.txt

A closed day that is requested again is not compared. Without this note a second run of it would succeed.
"""

from refera_platform.ingest.result import IngestResult
from refera_platform.lake import layout
from refera_platform.lake.lake import Lake
from refera_platform.reconcile.result import WHOLE_TABLE_SCOPE
from refera_platform.source.table import SourceTable

DIFFERENCES_FOLDER = f"{layout.STAGING_PREFIX}_differing/"


def open_difference(lake: Lake, result: IngestResult) -> str:
    """How a table differs from the source, found by this run or by an earlier one; empty when it does not.

    A new snapshot, or a comparison of the whole table without a difference, closes an earlier difference.
    """
    objects, key = lake.objects, difference_note_key(result.table)
    if difference := result.difference:
        objects.write(key, difference.encode())
        return difference
    note = objects.read(key)
    if note is None:
        return ""
    if result.source_rows is not None and (result.state.is_whole or result.reconcile_result.scope == WHOLE_TABLE_SCOPE):
        objects.remove(key)
        return ""
    return f"{note[0].decode()} (found by an earlier run, and not compared since)"


def difference_note_key(table: SourceTable) -> str:
    """Key of the note of a table."""
    return f"{DIFFERENCES_FOLDER}{layout.table_folder(table).rstrip('/')}.txt"
