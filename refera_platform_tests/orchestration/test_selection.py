"""A table is selected by its name, or by database and name where two databases have one of that name."""

import dagster as dg
import pytest

from refera_platform.errors import SettingError
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.orchestration.selection import selected_assets
from refera_platform_tests.business import TODAY

ORDERS, OTHER_ORDERS, VISITS = (
    dg.AssetKey(["raw", *path]) for path in (("shop", "orders"), ("dealer", "orders"), ("dealer", "visits"))
)


def selected(select: str) -> frozenset[dg.AssetKey] | None:
    @dg.multi_asset(specs=[dg.AssetSpec(key) for key in (ORDERS, OTHER_ORDERS, VISITS)])
    def raw():
        """Never run."""

    return selected_assets(dg.Definitions(assets=[raw]), DailyRunRequest(days=(TODAY,), select=select))


def test_a_table_is_selected_by_its_name_or_its_address():
    assert selected("visits, shop.orders") == {VISITS, ORDERS}
    assert selected("dealer.visits") == {VISITS}


def test_a_name_of_two_tables_names_none():
    with pytest.raises(SettingError, match=r"--select 'orders' names no asset: write a table \(dealer\.orders\)"):
        selected("orders")
