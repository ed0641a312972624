"""Changes of a simulated day to payments: new checks, one deleted, and on some days one renumbered.

The first check of a day has a number made from the date alone. It is committed with the other changes of the day, so
its presence marks the day as simulated.
"""

from datetime import date
from decimal import Decimal

from refera_platform.sandbox.business.day_plan import DayDraft
from refera_platform.sandbox.business.session import SampleSession

MAX_CHECK_AMOUNT = Decimal("99999999.99")
DOWN_PAYMENT_AMOUNT = Decimal("150.00")
_NOT_FIRST_CHECK_SQL = "left(checkNumber, 2) <> 'DY'"


def first_check_number(day: date) -> str:
    """The number of a simulated day's first check."""
    return f"DY{day:%Y%m%d}"


def is_day_simulated(session: SampleSession, day: date) -> bool:
    """Whether the tables contain the day already."""
    return bool(session.rows("select 1 from payments where checkNumber = %s limit 1", first_check_number(day)))


def last_simulated_day(session: SampleSession) -> date | None:
    """The last day in the tables, also when they come from a dump of a simulated source."""
    numbers = session.column("select max(checkNumber) from payments where checkNumber regexp '^DY[0-9]{8}$'")
    return date.fromisoformat(numbers[0][2:]) if numbers[0] else None


def take_payments(draft: DayDraft, size: int, payer: int) -> None:
    """Insert payments of shipped orders; some customers pay with two checks on the same day.

    Args:
        draft: The plan of the day.
        size: Orders of the day.
        payer: A customer who pays in advance when no order was shipped.
    """
    dice = draft.dice("payments")
    shipped = draft.session.column(
        "select orderNumber from orders where status in ('Shipped', 'Resolved') order by orderNumber desc limit %s",
        4 * size,
    )
    due = dice.sample(shipped, max(3, size * 5 // 6))
    totals = draft.session.rows(
        "select customerNumber, sum(quantityOrdered * priceEach) from orders join orderdetails using (orderNumber)"
        " where orderNumber in %s group by orderNumber, customerNumber order by orderNumber",
        due or [0],
    )
    checks: list[tuple[int, str, date, Decimal]] = []
    for customer, total in totals or [(payer, DOWN_PAYMENT_AMOUNT)]:
        amounts = [min(total, MAX_CHECK_AMOUNT)]
        if dice.one_in(6):
            part = (amounts[0] * 2 / 5).quantize(Decimal("0.01"))
            amounts = [part, amounts[0] - part]
        for amount in amounts:
            number = draft.next_check_number() if checks else first_check_number(draft.day)
            checks.append((customer, number, draft.day, amount))
    draft.insert("payments", checks)


def correct_payments(draft: DayDraft, size: int) -> None:
    """Delete a payment of an earlier day and, every third day, renumber another."""
    dice = draft.dice("corrections")
    correction_count = max(1, size // 100)
    earlier = draft.session.rows(
        f"select customerNumber, checkNumber from payments where {_NOT_FIRST_CHECK_SQL}"
        " order by paymentDate desc, customerNumber, checkNumber limit %s",
        30 + 10 * correction_count,
    )
    chosen = dice.sample(earlier, 2 * correction_count)
    bounced, misread = chosen[:correction_count], chosen[correction_count:]
    draft.add_steps(
        "payments", "deleted", "delete from payments where customerNumber = %s and checkNumber = %s", bounced
    )
    if draft.day.toordinal() % 3 == 1:
        draft.add_steps(
            "payments",
            "updated",
            "update payments set checkNumber = %s where customerNumber = %s and checkNumber = %s",
            [(draft.next_check_number(), *key) for key in misread],
        )
