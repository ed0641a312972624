"""Inserts of orders, order lines and payments, for the history and for each simulated day alike.

They read temporary tables that ``history`` and ``day`` fill: which orders there are, and which of them are paid when.

    new_order, catalogue ──▶ orders, orderdetails;   due ──▶ payments
"""

from refera_platform.sandbox.business.chance import throw
from refera_platform.sandbox.business.session import SampleSession

COMMENTS = (
    "Please ring the bell twice.\r\nThe dog is friendly.",
    "Cliente pediu embrulho para presente; atenção à data de entrega.",
    "À livrer après 18 h, côté cour.\r\n\r\nMerci d'avance !",
    'Customer says: "half now, half next month", o.k. by us.',
    "Invoice to c/o head office; discount 5% agreed, don't repeat.",
    "Path on the label: C:\\boxes\\new; tab here ->\t<- kept.",
    "Señal pagada, resto a la entrega.\nLlamar antes.",
    "NULL",
    "  spaces around  ",
    "",
)
"""Comments on orders; all of them fit latin1."""
WIDE_COMMENTS = (
    "Proszę dostarczyć przed świętami – żółte pudełko.",
    "東京店より。\r\n割れ物注意。",
    "Παρακαλώ προσοχή στο γυαλί…",
    "Цена “как в прошлый раз”.",
)
"""Comments on orders for columns with a wider character set."""

ORDERS_SQL = """
insert into orders
select orderNumber, orderDate, requiredDate, shippedDate, status, comments, customerNumber
from new_order where batch = @batch order by orderNumber"""
ORDER_LINES_SQL = f"""
insert into orderdetails
select
    orderNumber, productCode, 12 + terms % 44, round(MSRP * (80 + terms div 64 % 21) / 100, 2),
    row_number() over (partition by orderNumber order by terms, productCode)
from (
    select orderNumber, productCode, MSRP, {throw("terms", "orderNumber, productCode")} as terms
    from (
        select distinct orderNumber, least(choice % @goods, choice div 65536 % @goods) as i
        from (
            select orderNumber, {throw("product", "orderNumber * 32 + seq")} as choice
            from new_order join seq_0_to_18 on seq < line_count where batch = @batch
        ) as chosen
    ) as line
    join catalogue using (i) join products using (productCode)
) as priced
order by orderNumber, productCode"""
"""A product that was drawn twice for an order is one line."""
_LETTERS_SQL = "char(65 + crc32(orderNumber) % 26, 65 + crc32(orderNumber) div 26 % 26 using utf8mb4)"
CHECK_NUMBER_SQL = f"concat({_LETTERS_SQL}, (orderNumber * 2 + seq) * 7919 % 10000000)"
"""SQL of the number of the first (``seq`` 0) or second check that pays an order; no order shares it with another."""
PAYMENTS_SQL = f"""
insert into payments
select
    customerNumber, {CHECK_NUMBER_SQL}, paid_on,
    if(seq + 1 < checks, round(total * 0.4, 2), total - if(checks = 2, round(total * 0.4, 2), 0))
from (
    select o.orderNumber, customerNumber, paid_on, checks, least(sum(quantityOrdered * priceEach), 99999999.99) as total
    from due straight_join orders as o on o.orderNumber = due.orderNumber
    straight_join orderdetails as l on l.orderNumber = o.orderNumber group by 1
) as owed join seq_0_to_1 on seq < checks
order by 1, 2"""


def fill_comments(session: SampleSession, *, is_wide: bool = True) -> None:
    """Put the comments on orders into the temporary table ``remark``."""
    session.run("create or replace temporary table remark (i int primary key, comments text) charset utf8mb4")
    session.insert("remark", list(enumerate(COMMENTS + WIDE_COMMENTS if is_wide else COMMENTS)))
