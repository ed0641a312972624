"""Changes of a simulated day to goods: restocking, new prices, and on some days a renamed product line."""

from collections.abc import Mapping
from decimal import Decimal

from refera_platform.sandbox.business.day_plan import DayDraft

LOW_STOCK_UNITS = 100
MAX_STOCK_UNITS = 32_767
"""``quantityInStock`` is a SMALLINT."""
MAX_PRICE = Decimal("1000000.00")
MAX_LINE_NAME_CHARACTERS = 50


def restock_products(draft: DayDraft, stock: Mapping[str, int]) -> None:
    """Restock products that run low; ``stock`` is what the day's orders left."""
    dice = draft.dice("restocking")
    lowest = sorted(stock, key=lambda code: (stock[code], code))
    shelves = max(2, len(lowest) // 50)
    low = [code for code in lowest[: 3 * shelves] if stock[code] < LOW_STOCK_UNITS]
    rows = [(min(MAX_STOCK_UNITS, stock[code] + dice.between(400, 2400)), code) for code in low]
    rows += [(min(MAX_STOCK_UNITS, stock[code] + dice.between(50, 200)), code) for code in lowest[len(low) : shelves]]
    draft.add_steps("products", "updated", "update products set quantityInStock = %s where productCode = %s", rows)


def change_prices(draft: DayDraft, prices: Mapping[str, Decimal]) -> None:
    """Give some products a new buy price and a new recommended price."""
    dice = draft.dice("prices")
    codes = dice.sample(sorted(prices), max(2, len(prices) // 200))
    rows = []
    for code in codes:
        cents = Decimal(dice.between(3, 250)) / 100
        step = cents if prices[code] < MAX_PRICE else -cents
        rows.append((step, step * 2, code))
    draft.add_steps(
        "products",
        "updated",
        "update products set buyPrice = buyPrice + %s, MSRP = MSRP + %s where productCode = %s",
        rows,
    )


def rename_product_line(draft: DayDraft) -> None:
    """Every third day, change the name of a product line, which is its key: insert, update its products, delete."""
    lines = draft.session.column("select productLine from productlines order by 1")
    if draft.day.toordinal() % 3 != 0 or not lines:
        return
    old = draft.dice("product line").pick(lines)
    plain = old.removesuffix(" Collection")
    new = plain if plain != old else f"{old} Collection"
    if new in lines or len(new) > MAX_LINE_NAME_CHARACTERS:
        return
    draft.add_steps(
        "productlines",
        "inserted",
        "insert into productlines (productLine, textDescription, htmlDescription, image)"
        " select %s, textDescription, htmlDescription, image from productlines where productLine = %s",
        [(new, old)],
    )
    draft.add_steps("products", "updated", "update products set productLine = %s where productLine = %s", [(new, old)])
    draft.add_steps("productlines", "deleted", "delete from productlines where productLine = %s", [(old,)])
