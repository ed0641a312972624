"""Changes of a simulated day to people: new customers, customers with a new rep or limit, employees who move."""

from decimal import Decimal

from refera_platform.sandbox.business import people
from refera_platform.sandbox.business.day_plan import DayDraft
from refera_platform.sandbox.business.seeded_dice import SeededDice

MAX_CREDIT_LIMIT = Decimal("9000000.00")


def insert_customers(draft: DayDraft, size: int) -> list[int]:
    """Insert new customers; the second one has no rep and a number that was skipped.

    Returns:
        Their numbers.
    """
    dice = draft.dice("newcomers")
    cities = people.customer_cities(is_wide=draft.is_wide_column("customers", "customerName"))
    reps = _reps(draft)
    numbers = _new_customer_numbers(draft, max(2, size // 3), dice)
    rows = []
    for index, number in enumerate(numbers):
        rep = None if index % 8 == 1 or not reps else dice.pick(reps)
        oddity = dice.below(people.ODDITY_COUNT)
        rows.append(people.make_customer(dice, number, dice.pick(cities), rep, oddity))
    draft.insert("customers", rows)
    return numbers


def change_customers(draft: DayDraft, size: int) -> None:
    """Give some customers another rep, and others another credit limit."""
    dice = draft.dice("customers")
    change_count = max(1, size // 30)
    numbers = dice.sample(draft.session.column("select customerNumber from customers order by 1"), 2 * change_count)
    terms = {
        number: (rep, limit)
        for number, rep, limit in draft.session.rows(
            "select customerNumber, salesRepEmployeeNumber, creditLimit from customers where customerNumber in %s",
            numbers or [0],
        )
    }
    moved, trusted = numbers[:change_count], numbers[change_count:] or numbers
    reps = _reps(draft)
    for number in moved:
        others = [rep for rep in reps if rep != terms[number][0]]
        if others:
            statement = "update customers set salesRepEmployeeNumber = %s where customerNumber = %s"
            draft.add_steps("customers", "updated", statement, [(dice.pick(others), number)])
    for number in trusted:
        statement = "update customers set creditLimit = %s where customerNumber = %s"
        draft.add_steps("customers", "updated", statement, [(_other_credit_limit(terms[number][1], dice), number)])


def move_employee(draft: DayDraft) -> None:
    """Every third day, give a rep without subordinates another office or another superior."""
    if draft.day.toordinal() % 3 != 2:
        return
    dice = draft.dice("employees")
    staff = draft.session.rows("select employeeNumber, officeCode, reportsTo from employees order by 1")
    leaders = {superior for _, _, superior in staff if superior is not None}
    reps = set(_reps(draft))
    followers = [row for row in staff if row[0] in reps - leaders and row[2] is not None]
    if not followers:
        return
    number, office, superior = dice.pick(followers)
    offices = draft.session.column("select officeCode from offices where officeCode <> %s order by 1", office)
    superiors = sorted({row[2] for row in followers} - {superior})
    if superiors and (dice.one_in(2) or not offices):
        statement = "update employees set reportsTo = %s where employeeNumber = %s"
        draft.add_steps("employees", "updated", statement, [(dice.pick(superiors), number)])
    elif offices:
        statement = "update employees set officeCode = %s where employeeNumber = %s"
        draft.add_steps("employees", "updated", statement, [(dice.pick(offices), number)])


def _reps(draft: DayDraft) -> list[int]:
    """Employees who have customers; all employees when none has."""
    with_customers = "select distinct salesRepEmployeeNumber from customers where salesRepEmployeeNumber is not null"
    return draft.session.column(f"{with_customers} order by 1") or draft.session.column(
        "select employeeNumber from employees order by 1"
    )


def _new_customer_numbers(draft: DayDraft, count: int, dice: SeededDice) -> list[int]:
    """Numbers for new customers: the second fills a gap or goes below the lowest, the others go above the highest."""
    taken = set(draft.session.column("select customerNumber from customers"))
    highest, lowest = max(taken, default=people.FIRST_CUSTOMER_NUMBER), min(taken, default=2)
    free_numbers = [number for number in range(lowest, highest) if number not in taken][:50] or [lowest - 1]
    numbers = [highest + 1 + index + index // 4 for index in range(count)]
    skipped = dice.pick(free_numbers)
    if skipped > 0:
        numbers[1] = skipped
    return numbers


def _other_credit_limit(limit: Decimal | None, dice: SeededDice) -> Decimal:
    """Another credit limit, in whole hundreds."""
    if not limit:
        return Decimal(dice.between(50, 400) * 100)
    step = max(Decimal(100), (limit / 1000).quantize(Decimal(1)) * 100)
    return limit - step if (dice.one_in(3) and limit > step) or limit + step > MAX_CREDIT_LIMIT else limit + step
