"""Statements of one simulated day, in their order. Nothing is run here: ``simulate`` does.

Statements about temporary tables and variables decide, and are not in the binlog; the others are the day's changes.

    settle_orders ─▶ take_orders ─▶ take_payments ─▶ change_terms ─▶ delete_rows ─▶ change_keys
"""

from collections.abc import Iterator
from datetime import date

from refera_platform.sandbox.business import orders, people
from refera_platform.sandbox.business.chance import numbered_table, skewed, throw

BATCHES = 3
"""New orders come in so many batches a day; so the stock of a product changes more than once."""
_EARLIER_CHECKS = "paymentDate < @day and left(checkNumber, 2) not in ('DY', 'RE')"
"""Not the checks that mark a day, and not those that were renumbered."""
_BUYERS_SQL = "select distinct customerNumber from orders union select customerNumber from newcomer"
_SOLD_SQL = """
select distinct productCode from orderdetails
union select productCode from products where not exists (select 1 from orderdetails)"""
_REPS_SQL = """
select employeeNumber from employees where employeeNumber in (select salesRepEmployeeNumber from customers)
or not exists (select 1 from customers where salesRepEmployeeNumber is not null)"""


def day_statements(size: int, day: date) -> Iterator[str]:
    """All statements of a day with ``size`` new orders, from opening to closing time."""
    few, gone = max(1, size // 25), max(1, size // 100)
    yield from settle_orders(size, few)
    yield from take_orders(size)
    yield from take_payments(size)
    yield from change_terms(few)
    yield from delete_rows(few, gone)
    yield from change_keys(gone, day.toordinal() % 6)


def settle_orders(size: int, few: int) -> Iterator[str]:
    """Hold, release, resolve, dispute, cancel and ship orders of earlier days, each order in one way at most.

    An order in process for more than 60 days counts as forgotten; it changes only when there are no others.
    """
    yield f"""
        create or replace temporary table fate (primary key (orderNumber)) as
        select
            orderNumber, status, sum(not is_forgotten) over (partition by status) as recent,
            row_number() over (partition by status order by is_forgotten, {throw("fate", "orderNumber")}) as turn
        from (
            select orderNumber, status, status = 'In Process' and orderDate < @day - interval 60 day as is_forgotten
            from orders where status in ('In Process', 'On Hold', 'Disputed')
            union all (select orderNumber, status, 0 from orders where status = 'Shipped'
            order by orderNumber desc limit {20 + 2 * size})
        ) as candidate"""
    first, second = f"turn <= {few}", f"turn - {few} between 1 and {few}"
    leaving = f"turn - {2 * few} between 1 and greatest(2, recent * 2 div 3)"
    for old, turn, change in (
        ("In Process", first, "status = 'On Hold'"),
        ("On Hold", first, "status = 'In Process'"),
        ("Disputed", first, "status = 'Resolved'"),
        ("Shipped", first, "status = 'Disputed'"),
        ("In Process", second, "status = 'Cancelled'"),
        ("In Process", leaving, "status = 'Shipped', orders.shippedDate = @day"),
    ):
        yield f"update orders join fate using (orderNumber) set orders.{change} where fate.status = '{old}' and {turn}"


def take_orders(size: int) -> Iterator[str]:
    """Insert new customers, and new orders with their lines; the stock falls.

    The second customer has no rep and a number that was skipped. The first order is by a new customer, the last is
    shipped the same day, and some have numbers that were skipped before.
    """
    yield numbered_table("rep", "employeeNumber", _REPS_SQL)
    yield f"""
        set @reps = (select count(*) from rep),
            @highest = (select coalesce(max(customerNumber), {people.FIRST_CUSTOMER_NUMBER}) from customers),
            @skipped = (
                select c.customerNumber + 1 from customers as c
                left join customers as n on n.customerNumber = c.customerNumber + 1
                where n.customerNumber is null and c.customerNumber < (select max(customerNumber) from customers)
                order by {throw("skipped", "c.customerNumber")}, c.customerNumber limit 1)"""
    yield f"""
        create or replace temporary table newcomer (primary key (customerNumber)) as
        select seq as i, employeeNumber as rep, {throw("oddity", "seq")} % 12 as oddity,
            if(seq = 1 and @skipped > 0, @skipped, @highest + 1 + seq + seq div 4) as customerNumber
        from seq_0_to_{max(2, size // 3) - 1}
        left join rep on seq % 8 <> 1 and rep.i = {throw("rep", "seq")} % @reps"""
    yield people.CUSTOMERS_SQL
    yield numbered_table("buyer", "customerNumber", _BUYERS_SQL)
    yield numbered_table("catalogue", "productCode", _SOLD_SQL)
    yield """
        set @buyers = (select count(*) from buyer), @goods = (select count(*) from catalogue),
            @newcomer = (select customerNumber from newcomer where i = 0),
            @lowest = (select coalesce(min(orderNumber), 1) from orders),
            @highest = (select coalesce(max(orderNumber), 10099) from orders)"""
    yield _new_orders(size, max(1, size // 6))
    for batch in range(BATCHES):
        yield f"set @batch = {batch}"
        yield orders.ORDERS_SQL
        yield orders.ORDER_LINES_SQL
        yield """
            update products join (
                select productCode, sum(quantityOrdered) as quantity from new_order as n
                straight_join orderdetails as o on o.orderNumber = n.orderNumber where batch = @batch group by 1
            ) as sold using (productCode)
            set quantityInStock = least(quantityInStock, greatest(0, quantityInStock - quantity))"""
    yield "update orders set status = 'Shipped', shippedDate = @day order by orderNumber desc limit 1"


def _new_orders(size: int, skipped: int) -> str:
    """The day's orders: most numbers are above the highest and skip every third, the others were skipped before."""
    return f"""
        create or replace temporary table new_order (primary key (orderNumber)) as
        with free as (
            (select o.orderNumber + 1 as orderNumber from orders as o
            left join orders as n on n.orderNumber = o.orderNumber + 1
            where n.orderNumber is null and o.orderNumber < @highest order by 1 limit {10 * size})
            union all select @lowest - seq from seq_1_to_{skipped} where seq < @lowest
        ),
        numbered as (
            select orderNumber, row_number() over (order by {throw("free", "orderNumber")}) as turn from free
            union all select @highest + 1 + seq + seq div 2, -seq from seq_0_to_{size - skipped - 1}
        )
        select
            orderNumber, @day as orderDate, @day + interval 7 + {throw("lead", "orderNumber")} % 14 day as requiredDate,
            null as shippedDate, 'In Process' as status, comments, if(turn = 0, @newcomer, customerNumber)
            as customerNumber, 2 + {throw("lines", "orderNumber")} % 16 as line_count, abs(turn) % {BATCHES} as batch
        from numbered join buyer on buyer.i = {skewed("buyer", "orderNumber", "@buyers")}
        left join remark on remark.i = {throw("remark", "orderNumber")} % 60
        where turn <= {skipped}"""


def take_payments(size: int) -> Iterator[str]:
    """Insert an advance of a new customer, which marks the day as simulated, and payments of shipped orders."""
    yield "insert into payments values (@newcomer, @first_check, @day, 150)"
    yield f"""
        create or replace temporary table due (primary key (orderNumber)) as
        select orderNumber, @day as paid_on, if({throw("checks", "orderNumber")} % 6 = 0, 2, 1) as checks from (
            select orderNumber, customerNumber, 0 as seq from orders
            where status in ('Shipped', 'Resolved') order by orderNumber desc limit {40 * size}
        ) as shipped
        left join payments on payments.customerNumber = shipped.customerNumber
            and convert(checkNumber using utf8mb4) like concat('%', {orders.CHECK_NUMBER_SQL})
        where checkNumber is null order by {throw("due", "orderNumber")}, 1 limit {max(3, size * 5 // 6)}"""
    yield orders.PAYMENTS_SQL


def change_terms(few: int) -> Iterator[str]:
    """Restock the products that run lowest; change some prices, and the reps and credit limits of some customers."""
    yield f"""
        update products
        set quantityInStock = least(32767, quantityInStock + 400 + {throw("stock", "productCode")} % 2001)
        order by quantityInStock, productCode limit {5 * few}"""
    step = f"(3 + {throw('step', 'productCode')} % 248) / 100 * if(MSRP < 1000000, 1, -1)"
    yield f"""
        update products set buyPrice = buyPrice + {step}, MSRP = MSRP + 2 * {step}
        order by {throw("price", "productCode")}, productCode limit {1 + few}"""
    yield f"""
        update customers join (
            select customerNumber from customers order by {throw("moved", "customerNumber")}, 1 limit {few}
        ) as moved using (customerNumber)
        left join rep as old on old.employeeNumber = salesRepEmployeeNumber
        join rep on rep.i = (coalesce(old.i, 0) + 1 + {throw("new rep", "customerNumber")} % (@reps - 1)) % @reps
        set salesRepEmployeeNumber = rep.employeeNumber"""
    yield f"""
        update customers set creditLimit = if(
            creditLimit > 0, creditLimit + if(creditLimit > 1000000, -1, 1) * 100 * (1 + creditLimit div 100000), 5000)
        order by {throw("trusted", "customerNumber")}, customerNumber limit {few}"""


def delete_rows(few: int, gone: int) -> Iterator[str]:
    """Delete some orders with their lines, lines of orders that stay, and payments."""
    for table in ("orderdetails", "orders"):
        yield f"""
            delete {table} from fate straight_join {table} on {table}.orderNumber = fate.orderNumber
            where fate.status = 'Shipped' and turn - {few} between 1 and {gone}"""
    yield f"""
        delete orderdetails from orderdetails join (
            select o.orderNumber, max(productCode) as productCode
            from fate straight_join orderdetails as o on o.orderNumber = fate.orderNumber where status = 'Shipped'
            and turn > {few + gone} group by 1 having count(*) > 1 order by min(turn) limit {gone}
        ) as dropped using (orderNumber, productCode)"""
    yield f"""
        delete from payments where {_EARLIER_CHECKS}
        order by paymentDate desc, {throw("bounced", "checkNumber")}, customerNumber limit {gone}"""


def change_keys(gone: int, cycle: int) -> Iterator[str]:
    """Rename a product line every third day, renumber a payment on the next one, and move a rep on the third.

    The rep takes the office of a colleague, and three days later another one the superior.
    """
    if cycle % 3 == 0:
        name = (
            "if(productLine like '% II', left(productLine, char_length(productLine) - 3), concat(productLine, ' II'))"
        )
        yield f"""
            create or replace temporary table renamed as select productLine, {name} as name from productlines
            where char_length(productLine) < 40 and {name} not in (select productLine from productlines)
            order by {throw("line", "productLine")}, 1 limit 1"""
        yield """
            insert into productlines
            select name, textDescription, htmlDescription, image from productlines join renamed using (productLine)"""
        yield "update products join renamed using (productLine) set products.productLine = name"
        yield "delete productlines from productlines join renamed using (productLine)"
    elif cycle % 3 == 1:
        yield f"""
            update payments set checkNumber = concat('RE', checkNumber) where {_EARLIER_CHECKS}
            order by paymentDate desc, {throw("misread", "checkNumber")}, customerNumber limit {gone}"""
    else:
        seat = "officeCode" if cycle == 2 else "reportsTo"
        yield f"""
            create or replace temporary table seat as
            select employeeNumber, {seat} as seat from employees join rep using (employeeNumber)
            where employeeNumber not in (select reportsTo from employees where reportsTo is not null)"""
        yield f"""
            update employees join (
                select old.employeeNumber, new.seat from seat as old join seat as new on new.seat <> old.seat
                order by {throw("seat", "old.employeeNumber, '/', new.employeeNumber")} limit 1
            ) as move using (employeeNumber) set {seat} = move.seat"""
