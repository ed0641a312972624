"""Generator of offices, employees and customers of the sample business, as rows in column order.

Their orders and payments are generated in ``ledger``.

    texts (``vocabulary``) + random numbers (``dice``) ──▶ rows
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import sqrt
from typing import NamedTuple

from refera_platform.sandbox.business.seeded_dice import SeededDice, seeded_slot
from refera_platform.sandbox.business.vocabulary import (
    CITIES,
    CULTURES,
    OFFICES,
    TERRITORIES,
    City,
    Culture,
    fits_latin1,
)

FIRST_CUSTOMER_NUMBER = 103


class Employee(NamedTuple):
    """One row of ``employees``."""

    number: int
    last: str
    first: str
    extension: str
    email: str
    office: str
    reports_to: int | None
    title: str


class Customer(NamedTuple):
    """One row of ``customers``."""

    number: int
    name: str
    last: str
    first: str
    phone: str
    street: str
    inside: str | None
    city: str
    state: str | None
    postal: str | None
    country: str
    rep: int | None
    credit: Decimal | None


def make_employees(seed: int, scale: float) -> list[Employee]:
    """A president, two vice presidents, regional managers and their reps, superiors first.

    The last rep reports to the sales vice president and not to a manager.
    """
    reps = max(8, round(17 * sqrt(scale)))
    managers = max(3, round(reps / 6))
    titles = ["President", "VP Sales", "VP Workshop"]
    titles += [f"Sales Manager ({TERRITORIES[index % len(TERRITORIES)]})" for index in range(managers)]
    titles += ["Sales Rep"] * reps
    numbers = [1000 + 7 * index for index in range(1, len(titles) + 1)]
    staff: list[Employee] = []
    for index, (number, title) in enumerate(zip(numbers, titles, strict=True)):
        dice = SeededDice(seed, "employee", number)
        office = OFFICES[0] if index < 3 else OFFICES[(index - 3) % len(OFFICES)]
        culture = _latin_culture(dice)
        first, last = dice.pick(culture.first), dice.pick(culture.last)
        if index == 0:
            superior = None
        elif index < 3:
            superior = numbers[0]
        elif index < 3 + managers or index == len(titles) - 1:
            superior = numbers[1]
        else:
            superior = numbers[3 + index % managers]
        staff.append(
            Employee(
                number=number,
                last=last,
                first=first,
                extension=f"x{dice.between(100, 9999)}",
                email=f"{_email_spelling(first)[0]}{_email_spelling(last)}{number % 1000}@faroeponte.example",
                office=office[0],
                reports_to=superior,
                title=title,
            )
        )
    return staff


def _reps_by_territory(staff: Sequence[Employee]) -> dict[str, list[int]]:
    """Numbers of the sales reps, by the territory of their office."""
    territory = {office[0]: office[8] for office in OFFICES}
    reps: dict[str, list[int]] = {name: [] for name in TERRITORIES}
    for employee in staff:
        if employee.title == "Sales Rep":
            reps[territory[employee.office]].append(employee.number)
    return reps


def customer_count(scale: float) -> int:
    """How many customers a sample of this scale has."""
    return max(36, round(122 * scale))


def make_customers(seed: int, scale: float, staff: Sequence[Employee]) -> Iterator[Customer]:
    """All customers; their numbers leave a gap after every fourth.

    The first two live in one city and differ in its trailing blanks; the third has the rep without a manager.
    """
    reps = _reps_by_territory(staff)
    for index in range(customer_count(scale)):
        dice = SeededDice(seed, "customer", index)
        city = CITIES[0] if index < 2 else dice.pick(CITIES)
        rep: int | None = dice.pick(reps[city.territory])
        if index == 2:
            rep = staff[-1].number
        elif seeded_slot(f"{seed}/rep", index, 9) == 0:
            rep = None
        oddity = (NO_ODDITY, 0)[index] if index < 2 else seeded_slot(f"{seed}/oddity", index, ODDITY_COUNT)
        yield make_customer(dice, FIRST_CUSTOMER_NUMBER + index + index // 4, city, rep, oddity)


def make_customer(dice: SeededDice, number: int, city: City, rep: int | None, oddity: int) -> Customer:
    """A customer in a city, with one of the oddities of real data (``oddity`` below ``ODDITY_COUNT``)."""
    culture = CULTURES[city.culture]
    owner = {"first": dice.pick(culture.first), "last": dice.pick(culture.last)}
    postal = "".join(str(dice.below(10)) if sign == "#" else sign for sign in city.postal)
    row = Customer(
        number=number,
        name=dice.pick(culture.shops).format_map(owner),
        last=dice.pick(culture.last),
        first=dice.pick(culture.first),
        phone=f"{city.phone}{dice.between(100, 999)}",
        street=dice.pick(culture.streets).format(n=dice.between(1, 999)),
        inside=dice.pick(culture.inside) if oddity in {5, 6, 8} else None,
        city=city.city,
        state=city.state,
        postal=postal,
        country=city.country,
        rep=rep,
        credit=Decimal(dice.between(80, 2200) * 100),
    )
    changes: Mapping[int, Mapping[str, object]] = {
        0: {"city": row.city + "  "},
        1: {"country": row.country + " "},
        2: {"credit": None},
        3: {"credit": Decimal(0)},
        4: {"inside": ""},
        6: {"first": row.first + " "},
        7: {"state": "" if row.state is None else None},
        9: {"postal": None},
    }
    return row._replace(**changes.get(oddity, {}))  # type: ignore[arg-type]


ODDITY_COUNT = 12
"""Number of kinds; from 10 on the customer has nothing odd."""
NO_ODDITY = 11


def customer_cities(*, is_wide: bool) -> list[City]:
    """Cities a new customer may live in; only those that latin1 can spell unless ``is_wide``."""
    return [city for city in CITIES if is_wide or _is_latin_city(city)]


def _is_latin_city(city: City) -> bool:
    culture = CULTURES[city.culture]
    texts = (*culture.first, *culture.last, *culture.shops, *culture.streets)
    return fits_latin1(city.city, city.state or "", *texts)


def _latin_culture(dice: SeededDice) -> Culture:
    return CULTURES[dice.pick(("brazilian", "french", "english", "german", "spanish", "nordic"))]


def _email_spelling(name: str) -> str:
    """A name as an e-mail address spells it."""
    letters = unicodedata.normalize("NFKD", name.replace("ø", "o").replace("Ø", "O").replace("ß", "ss"))
    return "".join(letter for letter in letters.lower() if letter.isascii() and letter.isalpha())
