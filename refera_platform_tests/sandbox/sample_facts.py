"""The contract of the sample: its awkward facts, each with a query that returns a row where the fact is.

A query about a day reads tables such as ``orders_changes`` (``change_log``): each change of a row as ``kind``, ``old_…``
and ``new_…``. What is not in this list may change with any release.
"""

from typing import Literal, NamedTuple

Scope = Literal["history", "every day", "every third day"]


class Fact(NamedTuple):
    """Something that users of the sample rely on."""

    scope: Scope
    """Where it is: in the generated history, on each simulated day, or on one of three days that follow one another."""
    name: str
    query: str


_OWED = """
    select customerNumber, shippedDate, status, sum(quantityOrdered * priceEach) as total
    from orders join orderdetails using (orderNumber) group by orderNumber"""
_HISTORY = {
    # blanks, letters and NULL
    "a city with and without trailing blanks": """
        select 1 from customers as a join customers as b
        on b.city like concat(a.city, ' %') and a.city = trim(a.city) and a.country = trim(b.country)""",
    "a city with two trailing blanks": "select 1 from customers where city like '%  '",
    "a country with a trailing blank": "select 1 from customers where country like '% '",
    "a first name with a trailing blank": "select 1 from customers where contactFirstName like '% '",
    "a city with an accent": "select 1 from customers where city <> convert(city using ascii)",
    "a customer's name that latin1 cannot hold": """
        select 1 from customers where contactLastName <> convert(contactLastName using latin1)
        or city <> convert(city using latin1)""",
    "an apostrophe in a customer's name": "select 1 from customers where customerName like '%''%'",
    "a double quote in a customer's name": "select 1 from customers where customerName like '%\"%'",
    "two customers of one name": "select 1 from customers group by customerName having count(*) > 1",
    "an empty, an absent and a present second address line": """
        select 1 from customers having sum(addressLine2 = '') > 0 and sum(addressLine2 is null) > 0
        and sum(addressLine2 > '') > 0""",
    "an empty, an absent and a present state": """
        select 1 from customers having sum(state = '') > 0 and sum(state is null) > 0 and sum(state > '') > 0""",
    "an absent postal code": "select 1 from customers where postalCode is null",
    "a zero and an absent credit limit": """
        select 1 from customers having sum(creditLimit = 0) > 0 and sum(creditLimit is null) > 0""",
    "offices with an empty and an absent second address line": """
        select 1 from offices having sum(addressLine2 = '') > 0 and sum(addressLine2 is null) > 0""",
    "offices with an empty and an absent state": """
        select 1 from offices having sum(state = '') > 0 and sum(state is null) > 0""",
    # who reports to whom, and who sells to whom
    "an employee without a superior": "select 1 from employees where reportsTo is null",
    "four direct superiors of reps who sell": """
        select 1 from orders join customers using (customerNumber)
        join employees as rep on rep.employeeNumber = salesRepEmployeeNumber
        having count(distinct rep.reportsTo) >= 4""",
    "a rep under a vice president": """
        select 1 from employees as rep join employees as vp on vp.employeeNumber = rep.reportsTo
        join customers on salesRepEmployeeNumber = rep.employeeNumber join orders using (customerNumber)
        where vp.jobTitle like 'VP%' and rep.jobTitle = 'Sales Rep'""",
    "two customers without a rep who order": """
        select 1 from customers join orders using (customerNumber)
        where salesRepEmployeeNumber is null having count(distinct customerNumber) > 1""",
    "a customer who never ordered": """
        select 1 from customers where customerNumber not in (select customerNumber from orders)""",
    "customer numbers that were skipped": """
        select 1 from customers where customerNumber < (select max(customerNumber) from customers)
        and customerNumber + 1 not in (select customerNumber from customers)""",
    # products
    "a product never sold": "select 1 from products where productCode not in (select productCode from orderdetails)",
    "a product without stock": "select 1 from products where quantityInStock = 0",
    "two products of one name": "select 1 from products group by productName having count(*) > 1",
    "an apostrophe in a product's name": "select 1 from products where productName like '%''%'",
    "a double quote in a product's name": "select 1 from products where productName like '%\"%'",
    "a picture with a zero byte": "select 1 from productlines where locate(char(0), image) and length(image) < 1000",
    "an empty and an absent picture": """
        select 1 from productlines having sum(length(image) = 0) > 0 and sum(image is null) > 0""",
    "an absent text and an absent page of a product line": """
        select 1 from productlines having sum(textDescription is null) > 0 and sum(htmlDescription is null) > 0""",
    "a text of two lines of a product line": "select 1 from productlines where textDescription like '%\\r\\n%'",
    "a price below the list price": """
        select 1 from orderdetails join products using (productCode) where priceEach < MSRP""",
    # orders
    "an old order never shipped": """
        select 1 from orders where shippedDate is null and status = 'In Process'
        and orderDate < (select max(orderDate) from orders) - interval 150 day""",
    "an order on its way": """
        select 1 from orders where status = 'In Process'
        and orderDate > (select max(orderDate) from orders) - interval 12 day""",
    "an order shipped late": "select 1 from orders where status = 'Shipped' and shippedDate > requiredDate",
    "an order on hold": "select 1 from orders where status = 'On Hold' and shippedDate is null",
    "an order in dispute": "select 1 from orders where status = 'Disputed'",
    "an order resolved": "select 1 from orders where status = 'Resolved'",
    "an order cancelled before shipping": "select 1 from orders where status = 'Cancelled' and shippedDate is null",
    "an order cancelled after shipping": "select 1 from orders where status = 'Cancelled' and shippedDate is not null",
    "order numbers that were skipped": """
        select 1 from orders where orderNumber < (select max(orderNumber) from orders)
        and orderNumber + 1 not in (select orderNumber from orders)""",
    "a comment with CR and LF": "select 1 from orders where comments like '%\\r\\n%'",
    "a comment with accents": "select 1 from orders where comments like '%À livrer%'",
    "a comment with quotes": "select 1 from orders where comments like '%\"%'",
    "a comment with a backslash and a tab": "select 1 from orders where locate(char(92), comments) and locate(char(9), comments)",
    "a comment with blanks around it": "select 1 from orders where comments like '  %  '",
    "a comment that latin1 cannot hold": "select 1 from orders where comments <> convert(comments using latin1)",
    "a comment that reads NULL": "select 1 from orders where comments = 'NULL'",
    "an empty comment": "select 1 from orders where comments = '' and comments is not null",
    "an absent comment": "select 1 from orders where comments is null",
    # payments
    "two payments of a customer on a day": """
        select 1 from payments group by customerNumber, paymentDate having count(*) > 1""",
    "an order paid more than thirty days after it was shipped": f"""
        select 1 from ({_OWED}) as owed join payments using (customerNumber)
        where amount = total and paymentDate > shippedDate + interval 30 day""",
    "a shipped order that nobody paid": f"""
        select 1 from ({_OWED}) as owed
        where status = 'Shipped' and shippedDate < (select max(orderDate) from orders) - interval 60 day
        and not exists (select 1 from payments as p where p.customerNumber = owed.customerNumber and (amount = total
            or exists (select 1 from payments as q where q.customerNumber = p.customerNumber
                and q.paymentDate = p.paymentDate and p.amount + q.amount = total)))""",
}
_EVERY_DAY = {
    # orders
    "a new order with a number above all others": """
        select 1 from orders_changes where kind = 'insert' having max(new_orderNumber) > (
            select max(orderNumber) from orders where orderNumber not in (
                select new_orderNumber from orders_changes where kind = 'insert'))""",
    "a new order with a number that was skipped before": """
        select 1 from orders_changes where kind = 'insert' and new_orderNumber < (
            select max(orderNumber) from orders where orderNumber not in (
                select new_orderNumber from orders_changes where kind = 'insert'))""",
    "a new order with several lines": """
        select 1 from orders_changes as o join orderdetails_changes as l on l.new_orderNumber = o.new_orderNumber
        where o.kind = 'insert' and l.kind = 'insert' group by o.new_orderNumber having count(*) > 1""",
    "an order of a new customer": """
        select 1 from orders_changes as o join customers_changes as c on c.new_customerNumber = o.new_customerNumber
        where o.kind = 'insert' and c.kind = 'insert'""",
    "an order taken and shipped on the same day": """
        select 1 from orders_changes as taken join orders_changes as shipped
        on shipped.old_orderNumber = taken.new_orderNumber and shipped.kind = 'update'
        where taken.kind = 'insert' and shipped.new_shippedDate = shipped.new_orderDate""",
    "two earlier orders shipped": """
        select 1 from orders_changes where kind = 'update' and old_status = 'In Process' and new_status = 'Shipped'
        and new_orderDate < new_shippedDate having count(*) > 1""",
    **{
        f"an order from {old} to {new}": f"""
            select 1 from orders_changes where kind = 'update' and old_status = '{old}' and new_status = '{new}'"""
        for old, new in (
            ("In Process", "On Hold"),
            ("On Hold", "In Process"),
            ("In Process", "Cancelled"),
            ("Shipped", "Disputed"),
            ("Disputed", "Resolved"),
        )
    },
    "an order deleted with its lines": """
        select 1 from orders_changes as o join orderdetails_changes as l on l.old_orderNumber = o.old_orderNumber
        where o.kind = 'delete' and l.kind = 'delete'""",
    "a line deleted of an order that stays": """
        select 1 from orderdetails_changes where kind = 'delete' and old_orderNumber in (select orderNumber from orders)""",
    # customers
    "a new customer with a rep": """
        select 1 from customers_changes where kind = 'insert' and new_salesRepEmployeeNumber is not null""",
    "a new customer without a rep": """
        select 1 from customers_changes where kind = 'insert' and new_salesRepEmployeeNumber is null""",
    "a new customer with a number that was skipped before": """
        select 1 from customers_changes where kind = 'insert' and new_customerNumber < (
            select max(customerNumber) from customers where customerNumber not in (
                select new_customerNumber from customers_changes where kind = 'insert'))""",
    "a customer who gets another rep": """
        select 1 from customers_changes where kind = 'update'
        and not old_salesRepEmployeeNumber <=> new_salesRepEmployeeNumber""",
    "another credit limit": """
        select 1 from customers_changes where kind = 'update' and not old_creditLimit <=> new_creditLimit""",
    # products
    "a product sold twice on the day, whose stock falls twice": """
        select 1 from products_changes where kind = 'update' and new_quantityInStock < old_quantityInStock
        group by old_productCode having count(*) > 1""",
    "a product restocked": """
        select 1 from products_changes where kind = 'update' and new_quantityInStock > old_quantityInStock""",
    "another price, at which to buy and to sell": """
        select 1 from products_changes where kind = 'update' and new_buyPrice <> old_buyPrice and new_MSRP <> old_MSRP""",
    # payments
    "two payments of orders": """
        select 1 from payments_changes where kind = 'insert' and new_amount <> 150 having count(*) > 1""",
    "an advance of a new customer, for no order": """
        select 1 from payments_changes as p join customers_changes as c on c.new_customerNumber = p.new_customerNumber
        where p.kind = 'insert' and c.kind = 'insert' and new_amount = 150""",
    "a payment deleted": "select 1 from payments_changes where kind = 'delete'",
}
_EVERY_THIRD_DAY = {
    "a product line that changes its name, which is its key": """
        select 1 from productlines_changes as came join productlines_changes as went
        join products_changes as moved
        on moved.old_productLine = went.old_productLine and moved.new_productLine = came.new_productLine
        where came.kind = 'insert' and went.kind = 'delete' and moved.kind = 'update'
        and came.new_textDescription <=> went.old_textDescription""",
    "a payment that changes its number, which is in its key": """
        select 1 from payments_changes where kind = 'update' and old_checkNumber <> new_checkNumber""",
    "an employee who gets another office or superior": """
        select 1 from employees_changes where kind = 'update'
        and (old_officeCode <> new_officeCode or old_reportsTo <> new_reportsTo)""",
}
FACTS = [
    *(Fact("history", *item) for item in _HISTORY.items()),
    *(Fact("every day", *item) for item in _EVERY_DAY.items()),
    *(Fact("every third day", *item) for item in _EVERY_THIRD_DAY.items()),
]

PLAIN_BUSINESS = """
insert into offices values ('1', 'Lisboa', '1', 'Rua A 1', 'Piso 1', 'Lisboa', 'Portugal', '1000', 'EMEA');
insert into employees values (1, 'Costa', 'Ana', 'x1', 'a@example', '1', 1, 'Sales Rep');
insert into customers values
    (1, 'Loja', 'Dias', 'Bia', '1', 'Rua B 2', 'Piso 2', 'Lisboa', 'Lisboa', '1000', 'Portugal', 1, 100),
    (2, 'Casa', 'Melo', 'Eva', '2', 'Rua C 3', 'Piso 3', 'Porto', 'Porto', '4000', 'Portugal', 1, 200);
insert into productlines values ('Boats', 'text', 'page', 'picture');
insert into products values ('P1', 'Boat', 'Boats', '1:10', 'V', 'd', 5, 1, 2), ('P2', 'Ship', 'Boats', '1:10', 'V', 'd', 5, 1, 2);
insert into orders values
    (1, '2026-01-01', '2026-01-09', '2026-01-05', 'Shipped', 'ok', 1),
    (2, '2026-05-02', '2026-05-09', '2026-05-05', 'Shipped', 'ok', 2);
insert into orderdetails values (1, 'P1', 1, 2, 1), (2, 'P1', 1, 2, 1), (2, 'P2', 2, 2, 2);
insert into payments values (1, 'A1', '2026-01-06', 2), (2, 'A2', '2026-05-06', 6)
"""
"""A business without any of the facts: what the queries must not find."""
PLAIN_DAY = """
update customers set phone = concat(phone, '0');
update employees set extension = 'x2';
update orders set comments = concat(comments, '.');
update orderdetails set orderLineNumber = orderLineNumber + 10;
update payments set paymentDate = paymentDate + interval 1 day;
update productlines set htmlDescription = 'another page';
update products set productDescription = 'another'
"""
"""A day of that business on which each table changes, and none of the facts happens."""
