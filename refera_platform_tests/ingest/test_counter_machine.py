"""Rows walk through their states in random order while the extraction is killed and started again: each step arrives once.

After Estuary's ``testStressCorrectness``. Seconds in ``make test``, 90 s in ``make stress``.
"""

import random
import subprocess
import sys
import threading
from collections import defaultdict

from refera_platform_tests.business import TODAY
from refera_platform_tests.ingest.extractor import extract, table_of
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of
from refera_platform_tests.local_stack import evening, owner

WALK = (1, 2, 3, 4, None, 6, 7, 8)
"""States of a row, in order; it is deleted after the fourth and comes back."""
STORY = [("c", 1), ("u", 2), ("u", 3), ("u", 4), ("d", 4), ("c", 6), ("u", 7), ("u", 8)]
KILLS_EVERY = 10
AT_ONCE = 40


class Machine(threading.Thread):
    """The hand that moves the rows."""

    def __init__(self, home, seed):
        super().__init__()
        self._home, self._dice = home, random.Random(seed)
        self.stop = threading.Event()
        self.started = 0

    def run(self):
        walking = {}
        with owner(self._home) as connection, connection.cursor() as cursor:
            cursor.execute(f"set timestamp = {evening(TODAY).timestamp() - 3600}")
            while walking or not self.stop.is_set():
                if not self.stop.is_set() and len(walking) < AT_ONCE:
                    walking[self.started] = 0
                    self.started += 1
                cursor.execute("begin")
                for number in self._dice.sample(sorted(walking), min(len(walking), self._dice.randint(1, 4))):
                    self._step(cursor, number, walking)
                cursor.execute("commit")

    def _step(self, cursor, number, walking):
        step = walking[number]
        state = WALK[step]
        if state in (1, 6):
            cursor.execute("insert into counters values (%s, %s)", (number, state))
        elif state is None:
            cursor.execute("delete from counters where id = %s", (number,))
        else:
            cursor.execute("update counters set state = %s where id = %s", (state, number))
        walking[number] = step + 1
        if step + 1 == len(WALK):
            del walking[number]


def test_every_step_of_every_row_arrives_once_and_in_order_however_often_the_extraction_dies(
    stage, shop, home, stress_seconds
):
    shop.run("create table counters (id int primary key, state int not null)")
    table = table_of("counters:id")
    extract(stage, [table])
    seconds = stress_seconds or 9
    machine, kills = Machine(home, seed=seconds), 0
    machine.start()
    command = [
        sys.executable,
        "-m",
        "refera_platform_tests.ingest.extractor",
        str(home),
        stage.lake,
        evening(TODAY).isoformat(),
    ]
    try:
        for _ in range(max(3, seconds // KILLS_EVERY)):
            with subprocess.Popen([*command, "counters:id"], stdout=subprocess.PIPE, text=True) as process:
                killer = threading.Timer(min(KILLS_EVERY, seconds / 3), process.kill)
                killer.start()
                process.wait()
                killer.cancel()
                assert process.returncode == -9, "the extraction ended by itself"
                kills += 1
    finally:
        machine.stop.set()
        machine.join()
    extract(stage, [table])
    stories = defaultdict(list)
    for operation, number, state in raw_of(stage, table, "_op, id, state"):
        stories[number].append((operation, state))
    assert kills >= 3
    assert machine.started >= AT_ONCE
    assert {number: story for number, story in stories.items() if story != STORY} == {}
    assert len(stories) == machine.started
    assert differences_of(stage, [table]) == {}
