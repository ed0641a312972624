"""What the source adds up itself: as a whole and in the groups of the catalogue, by its own idea of what is equal."""

from refera_platform.source import totals
from refera_platform_tests.checkout import find_table
from refera_platform_tests.local_stack import source_of


def test_the_source_adds_up_a_table_in_its_declared_groups(stage, shop):
    shop.run("set foreign_key_checks = 0")
    shop.run("update orders set status = 'SHIPPED' where orderNumber = 102")
    shop.run("update orders set orderDate = '2026-02-00' where orderNumber = 104")
    shop.run("insert into orderdetails values (999, 'P9', 1, '0.01', 1)")
    with source_of(stage) as source:
        lines = totals.grouped_totals(source, find_table("orderdetails"), 6)
        assert totals.source_totals(source, find_table("orderdetails")) == (6, "233.95")
        assert totals.grouped_totals(source, find_table("employees"), 6) == {}
        assert totals.grouped_totals(source, find_table("orderdetails"), totals.MAX_GROUPED_ROWS + 1) == {}
        assert totals.grouped_totals(source, find_table("orders"), 6) == {
            "month": (("2026-01", 2, None), (None, 1, None), ("2026-02", 1, None))
        }
        assert totals.grouped_totals(source, find_table("payments"), 6) == {
            "month": (("2026-02", 2, "60.01"), ("2026-01", 1, "48.98"))
        }
    # which spelling stands for a group is the server's to choose
    found = {
        kind: {value and value.upper(): (rows, money) for value, rows, money in groups}
        for kind, groups in lines.items()
    }
    assert found == {
        "product": {"P2": (3, "133.96"), "P1": (2, "99.98"), "P9": (1, "0.01")},
        "status": {"SHIPPED": (3, "108.98"), None: (1, "0.01"), "IN PROCESS": (1, "85.00"), "ON HOLD": (1, "39.96")},
        "customer": {"10": (2, "48.98"), "11": (1, "60.00"), "12": (1, "85.00"), "13": (1, "39.96"), None: (1, "0.01")},
        "month": {"2026-01": (3, "108.98"), None: (2, "39.97"), "2026-02": (1, "85.00")},
    }


def test_of_many_groups_the_largest_are_asked_for_and_one_that_says_there_are_more(stage, shop):
    with source_of(stage) as source:
        assert totals.grouped_totals(source, find_table("products"), 6, max_groups=1)["product"] == (
            ("P1", 1, "1000.00"),
            ("P2", 1, "0.00"),
        )


def test_a_column_that_is_gone_costs_its_grouping_only(stage, shop):
    shop.run("alter table orders rename column status to state")
    with source_of(stage) as source:
        assert set(totals.grouped_totals(source, find_table("orderdetails"), 6)) == {"product", "customer", "month"}
