"""Random days of business, all of them legal in a database without foreign keys: nothing here is too odd to happen."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from refera_platform_tests.business import Shop

STATUSES = ("Shipped", "In Process", "On Hold", "Cancelled", "Lost at sea", "lost at sea", "SHIPPED", None)


class RandomBusiness:
    """Changes a shop at random, the same for the same seed."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self._shop = shop
        self._dice = random.Random(seed)  # a workload, no secret
        self._steps: tuple[Callable[[date], None], ...] = (
            self._order,
            self._order,
            self._change_order,
            self._delete_order,
            self._line,
            self._line,
            self._pay,
            self._pay,
            self._customer,
            self._customer,
            self._employee,
            self._product,
            self._product,
            self._orphan,
            self._again,
        )
        shop.run("set foreign_key_checks = 0")

    def day(self, day: date, steps: int) -> None:
        """What happens on one day, a few changes to a transaction and some of them in the same second."""
        hour = 1
        for _ in range(steps):
            hour = min(22, hour + self._dice.randrange(2))
            self._shop.at(day, hour if self._dice.randrange(8) else max(0, hour - 1))  # clocks are set back at times
            self._shop.run("start transaction")
            for _ in range(self._dice.randrange(1, 4)):
                self._dice.choice(self._steps)(day)
            self._shop.run("commit" if self._dice.randrange(12) else "rollback")

    def _date(self, day: date) -> date | None:
        """Mostly of these days, sometimes of any month, the future or no date at all."""
        kind = self._dice.randrange(10)
        if kind == 0:
            return None
        if kind < 6:
            return day - timedelta(days=self._dice.randrange(3))
        return day + timedelta(days=self._dice.randrange(-400, 40))

    def _one(self, table: str, *columns: str) -> tuple[Any, ...] | None:
        rows = self._shop.ask(f"select {', '.join(columns)} from {table} order by {', '.join(columns)}")
        return self._dice.choice(rows) if rows else None

    def _customer_number(self) -> int:
        return self._dice.randrange(10, 18)

    def _order(self, day: date) -> None:
        number = self._dice.randrange(90, 200)
        ordered = self._date(day) or day
        values = (
            number,
            ordered,
            ordered + timedelta(days=9),
            self._date(day),
            self._dice.choice(STATUSES) or "Shipped",
            self._customer_number(),
        )
        self._shop.run("replace into orders values (%s, %s, %s, %s, %s, null, %s)", values)
        for line in range(self._dice.randrange(3)):
            values = (
                number,
                f"P{line + 1}",
                self._dice.randrange(1, 50),
                f"{self._dice.randrange(1, 9999) / 100:.2f}",
            )
            self._shop.run("replace into orderdetails values (%s, %s, %s, %s, 1)", values)

    def _change_order(self, day: date) -> None:
        if found := self._one("orders", "orderNumber"):
            what = self._dice.choice(("orderDate", "shippedDate", "status", "customerNumber", "requiredDate"))
            value: Any = self._date(day) or day
            if what == "shippedDate":
                value = self._date(day)
            if what == "status":
                value = self._dice.choice(STATUSES) or "Resolved"
            if what == "customerNumber":
                value = self._customer_number()
            self._shop.run(f"update orders set {what} = %s where orderNumber = %s", (value, *found))

    def _delete_order(self, day: date) -> None:
        if found := self._one("orders", "orderNumber"):
            self._shop.run("delete from orders where orderNumber = %s", found)
            if self._dice.randrange(3):
                self._shop.run("delete from orderdetails where orderNumber = %s", found)

    def _line(self, day: date) -> None:
        if found := self._one("orderdetails", "orderNumber", "productCode"):
            where = "where orderNumber = %s and productCode = %s"
            if self._dice.randrange(3):
                quantity = self._dice.randrange(1, 60)
                self._shop.run(f"update orderdetails set quantityOrdered = {quantity} {where}", found)
            else:
                self._shop.run(f"delete from orderdetails {where}", found)

    def _orphan(self, day: date) -> None:
        values = (
            self._dice.randrange(90, 220),
            f"{self._dice.choice('pP')}{self._dice.randrange(1, 7)}",
            self._dice.randrange(1, 9),
        )
        self._shop.run("replace into orderdetails values (%s, %s, %s, 1.25, 7)", values)

    def _pay(self, day: date) -> None:
        values = (self._customer_number(), f"C{self._dice.randrange(12)}")
        if self._dice.randrange(4):
            more = (self._date(day) or day, f"{self._dice.randrange(-99, 99999) / 100:.2f}")
            self._shop.run("replace into payments values (%s, %s, %s, %s)", (*values, *more))
        else:
            self._shop.run("delete from payments where customerNumber = %s and checkNumber = %s", values)

    def _customer(self, day: date) -> None:
        number, kind = self._customer_number(), self._dice.randrange(6)
        rep = self._dice.choice((4, 5, 6, None))
        if kind == 0:
            self._shop.run("delete from customers where customerNumber = %s", (number,))
        elif kind < 3:
            values = (number, f"Customer {self._dice.randrange(3)}", rep)
            self._shop.run(
                "replace into customers values (%s, %s, 'L', 'F', '1', 'a', null, 'City ', null, null, 'Land', %s, 5)",
                values,
            )
        else:
            self._shop.run("update customers set salesRepEmployeeNumber = %s where customerNumber = %s", (rep, number))

    def _employee(self, day: date) -> None:
        number = self._dice.randrange(2, 8)
        manager, office = self._dice.choice((1, 2, 3, 9, None)), self._dice.choice(("1", "2", "7"))
        if not self._dice.randrange(6):
            self._shop.run("delete from employees where employeeNumber = %s", (number,))
        elif self._dice.randrange(2):
            values = (number, f"Name {self._dice.randrange(3)}", office, manager)
            self._shop.run("replace into employees values (%s, %s, 'F', 'x', 'e', %s, %s, 'Rep')", values)
        else:
            self._shop.run("update employees set reportsTo = %s where employeeNumber = %s", (manager, number))

    def _product(self, day: date) -> None:
        code = f"{self._dice.choice('pP')}{self._dice.randrange(1, 6)}"
        kind = self._dice.randrange(8)
        if kind == 0:
            self._shop.run("delete from products where productCode = %s", (code,))
        elif kind < 5:
            self._shop.run(
                "update products set quantityInStock = %s where productCode = %s",
                (self._dice.randrange(99), code),
            )
        else:
            values = (
                code,
                f"Product {self._dice.randrange(2)}",
                self._dice.choice(("Boats", "Cars")),
                self._dice.randrange(99),
                f"{self._dice.randrange(100, 999) / 100:.2f}",
            )
            self._shop.run("replace into products values (%s, %s, %s, '1:10', 'V', 'd', %s, %s, 9)", values)

    def _again(self, day: date) -> None:
        """A change that changes nothing, written all the same because another column comes and goes."""
        self._shop.run("update customers set phone = concat(phone, '!') where customerNumber = 11")
        self._shop.run("update customers set phone = trim(trailing '!' from phone) where customerNumber = 11")
        if not self._dice.randrange(15):
            self._shop.run("update offices set city = concat(city, 'o') where officeCode = '2'")
