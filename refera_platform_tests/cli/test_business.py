"""What a restored dump is said to have brought."""

from pathlib import Path

import pytest

from refera_platform.cli.restore import print_restored
from refera_platform.sandbox.dump.restore import RestoreReport


def test_what_stayed_behind_of_a_dump_is_said_beside_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_restored(
        RestoreReport(
            dump=Path("backups/shop.sql"),
            database="shop",
            tables={"orders": 2},
            seconds=1.0,
            notes=("1 view not carried over", "table shop.regions not carried over"),
        )
    )
    printed = capsys.readouterr()
    assert "orders" in printed.out
    assert printed.err.splitlines() == [
        "Note: 1 view not carried over.",
        "Note: table shop.regions not carried over.",
    ]
