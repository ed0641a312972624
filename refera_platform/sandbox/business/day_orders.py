"""Changes of a simulated day to orders: taken, shipped, held, disputed, cancelled, deleted. Stock falls accordingly."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from refera_platform.sandbox.business.day_plan import DayDraft
from refera_platform.sandbox.business.order_history import HISTORY_DAYS
from refera_platform.sandbox.business.seeded_dice import SeededDice
from refera_platform.sandbox.business.vocabulary import COMMENTS, WIDE_COMMENTS

MIN_ORDERS_PER_DAY = 6
MAX_IN_PROCESS_DAYS = 60
"""An order in process for longer counts as forgotten; it changes only when there are no others."""
_SET_STATUS = "update orders set status = %s where orderNumber = %s"
_SHIP = "update orders set status = 'Shipped', shippedDate = %s where orderNumber = %s"


def usual_order_count(draft: DayDraft) -> int:
    """About how many orders come in on this day: one in 730 of the existing ones."""
    existing_orders: int = draft.session.column("select count(*) from orders")[0]
    usual = max(MIN_ORDERS_PER_DAY, existing_orders // HISTORY_DAYS)
    return usual + draft.dice("size").below(usual // 3 + 1)


def take_orders(
    draft: DayDraft, count: int, newcomers: Sequence[int], stock: dict[str, int], prices: Mapping[str, Decimal]
) -> None:
    """Insert new orders with their lines, and lower ``stock`` here and in the tables.

    The first order is by a new customer, the last is shipped the same day, and some have numbers that were skipped
    before.
    """
    dice = draft.dice("orders")
    buyers = draft.session.column("select distinct customerNumber from orders order by 1") or list(newcomers)
    selling = draft.session.column("select distinct productCode from orderdetails order by 1") or sorted(prices)
    comments = COMMENTS + WIDE_COMMENTS if draft.is_wide_column("orders", "comments") else COMMENTS
    numbers = _new_order_numbers(draft, count, dice)
    for index, number in enumerate(numbers):
        buyer = newcomers[0] if index == 0 else dice.pick(buyers)
        comment = dice.pick(comments) if dice.one_in(5) else None
        required = draft.day + timedelta(days=dice.between(7, 20))
        draft.insert("orders", [(number, draft.day, required, None, "In Process", comment, buyer)])
        codes = dice.sample(selling, dice.between(2, 17))
        lines = [
            (number, code, dice.between(12, 55), _round_to_cents(prices[code] * dice.between(80, 100) / 100), line)
            for line, code in enumerate(codes, start=1)
        ]
        draft.insert("orderdetails", lines)
        _lower_stock(draft, stock, {line[1]: line[2] for line in lines})
    draft.add_steps("orders", "updated", _SHIP, [(draft.day, numbers[-1])])
    draft.changed_orders.update(numbers)


def settle_orders(draft: DayDraft, size: int) -> None:
    """Ship, hold, release, cancel, dispute and resolve orders of earlier days."""
    dice = draft.dice("statuses")
    since = draft.day - timedelta(days=MAX_IN_PROCESS_DAYS)
    orders_query = "select orderNumber from orders where status = %s and orderDate >= %s order by 1"
    recent = draft.session.column(orders_query, "In Process", since)
    in_process = recent or draft.session.column(orders_query, "In Process", "0001-01-01")
    on_hold = draft.session.column(orders_query, "On Hold", "0001-01-01")
    disputed = draft.session.column(orders_query, "Disputed", "0001-01-01")
    shipped = draft.session.column(
        "select orderNumber from orders where status = 'Shipped' order by orderNumber desc limit %s",
        20 + 2 * size,
    )
    change_count = max(1, size // 25)
    for orders, count, status in (
        (in_process, change_count, "On Hold"),
        (on_hold, change_count, "In Process"),
        (disputed, change_count, "Resolved"),
        (shipped, change_count, "Disputed"),
        (on_hold + in_process, change_count, "Cancelled"),
    ):
        chosen = draft.claim_orders(orders, count, dice)
        draft.add_steps("orders", "updated", _SET_STATUS, [(status, order) for order in chosen])
    leaving = draft.claim_orders(in_process, max(2, len(in_process) * 2 // 3), dice)
    draft.add_steps("orders", "updated", _SHIP, [(draft.day, order) for order in leaving])


def delete_orders(draft: DayDraft, size: int) -> None:
    """Delete some order lines, and some whole orders with their lines."""
    dice = draft.dice("deletions")
    deletion_count = max(1, size // 100)
    recent = draft.session.column(
        "select orderNumber from orders order by orderNumber desc limit %s", 40 + 10 * deletion_count
    )
    deleted = draft.claim_orders(recent, deletion_count, dice)
    for order in deleted:
        draft.add_steps("orderdetails", "deleted", "delete from orderdetails where orderNumber = %s", [(order,)])
        draft.add_steps("orders", "deleted", "delete from orders where orderNumber = %s", [(order,)])
    long_enough = draft.session.rows(
        "select orderNumber, max(productCode) from orderdetails where orderNumber in %s"
        " group by orderNumber having count(*) > 1 order by 1",
        [order for order in recent if order not in draft.changed_orders] or [0],
    )
    deleted_lines = dice.sample(long_enough, deletion_count)
    draft.changed_orders.update(order for order, _ in deleted_lines)
    draft.add_steps(
        "orderdetails",
        "deleted",
        "delete from orderdetails where orderNumber = %s and productCode = %s",
        deleted_lines,
    )


def _new_order_numbers(draft: DayDraft, count: int, dice: SeededDice) -> list[int]:
    """Numbers for new orders: some fill skipped numbers, the others are above the highest and skip every third."""
    lowest, highest = draft.session.rows("select min(orderNumber), max(orderNumber) from orders")[0]
    if highest is None:
        return [10_100 + index + index // 2 for index in range(count)]
    free_numbers = draft.session.column(
        "select o.orderNumber + 1 from orders as o"
        " left join orders as n on n.orderNumber = o.orderNumber + 1"
        " where n.orderNumber is null and o.orderNumber < %s order by 1 limit %s",
        highest,
        10 * count,
    )
    skipped_count = max(1, count // 6)
    if len(free_numbers) < skipped_count:
        free_numbers += [number for number in range(lowest - skipped_count, lowest) if number > 0]
    skipped = dice.sample(free_numbers, skipped_count)
    above = [highest + 1 + index + index // 2 for index in range(count - len(skipped))]
    return above[:1] + skipped + above[1:]


def _lower_stock(draft: DayDraft, stock: dict[str, int], ordered: Mapping[str, int]) -> None:
    remaining = {code: max(0, stock[code] - quantity) for code, quantity in ordered.items() if stock[code] > 0}
    stock.update(remaining)
    statement = "update products set quantityInStock = %s where productCode = %s"
    draft.add_steps(
        "products", "updated", statement, [(quantity, code) for code, quantity in sorted(remaining.items())]
    )


def _round_to_cents(price: Decimal) -> Decimal:
    return price.quantize(Decimal("0.01"))
