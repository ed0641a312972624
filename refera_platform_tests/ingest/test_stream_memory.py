"""One transaction may be larger than memory: what a pass holds of it does not grow with its rows."""

import os
import subprocess
import sys

import pytest

from refera_platform_tests.business import TODAY
from refera_platform_tests.ingest.extractor import extract, table_of
from refera_platform_tests.ingest.logged_tables import raw_of
from refera_platform_tests.local_stack import evening

ONCE = """
import resource, sys
from dataclasses import replace
from datetime import datetime
from refera_platform.settings.stage import load_stage
from refera_platform_tests.ingest.extractor import extract, table_of
stage = replace(load_stage().at_instant(datetime.fromisoformat(sys.argv[2])), lake=sys.argv[1])
extract(stage, [table_of(sys.argv[3])])
print()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
STATEMENTS = {
    "updates": ["insert into {name} select seq, repeat('x', 50) from seq_1_to_{rows}", "update {name} set v = 'y'"],
    "all at once": ["insert into {name} select seq, repeat('x', 50) from seq_1_to_{rows}", "truncate table {name}"],
}
FEW, MANY = 200_000, 800_000


def peak_of(stage, table):
    """Megabytes that a process takes at most for one capture."""
    variables = {
        **os.environ,
        "REFERA_STAGE": "test",
        "REFERA_HOME": str(stage.home),
        "REFERA_MEMORY_LIMIT": "130MB",
    }
    command = [sys.executable, "-c", ONCE, stage.lake, evening(TODAY).isoformat(), table]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize("kind", STATEMENTS)
def test_memory_does_not_grow_with_a_transaction(stage, shop, kind, stress_seconds):
    if kind == "all at once" and not stress_seconds:
        pytest.skip("a truncated table has to be sorted, which takes its time: make stress")
    peaks = []
    for rows in (FEW, MANY):
        name = f"large{rows}"
        shop.run(f"create table {name} (id int primary key, v varchar(50))")
        extract(stage, [table_of(f"{name}:id")])
        for statement in STATEMENTS[kind]:
            shop.run(statement.format(name=name, rows=rows))
        peaks.append(peak_of(stage, f"{name}:id"))
        assert len(raw_of(stage, table_of(f"{name}:id"), "id")) == rows * len(STATEMENTS[kind])
    assert peaks[1] < peaks[0] * 1.3, peaks
