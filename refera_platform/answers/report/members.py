"""Members as the page names them: one row a member, by its newest version, in SQL that every section joins.

dim_* (one row a version) ──▶ products() customers() employees(): number, name, and ``label``

A page has one meaning of a name. What a member was called, or which line a product belonged to, when something
happened is not in here: the answers and the keys of the facts tell that.
"""


def distinct_name_sql(name: str, number: str) -> str:
    """SQL of a name, with its number when several have the same."""
    several = f"{name} is not null and count(*) over (partition by {name}) > 1"
    return f"case when {several} then concat_ws(' ', {name}, '(' || {number} || ')') else {name} end"


def _label_sql(name: str, number: str) -> str:
    """SQL of what a chart calls a member: its name, or its number where it has none."""
    return f"coalesce({distinct_name_sql(name, number)}, cast({number} as varchar)) as label"


def products_sql() -> str:
    """SQL of ``product_code``, ``product_name``, ``product_line`` and ``label`` of every product there ever was."""
    return (
        f"select product_code, product_name, product_line, {_label_sql('product_name', 'product_code')}"
        " from dim_product where is_latest and product_code is not null"
    )


def customers_sql() -> str:
    """SQL of ``customer_number``, ``customer_name`` and ``label`` of every customer there ever was."""
    return (
        f"select customer_number, customer_name, {_label_sql('customer_name', 'customer_number')}"
        " from dim_customer where is_latest and customer_number is not null"
    )


def employees_sql() -> str:
    """SQL of ``employee_number``, ``employee_name`` and ``label`` of everybody who ever worked here."""
    named = (
        "select employee_number, nullif(concat_ws(' ', first_name, last_name), '') as employee_name"
        " from dim_employee where is_latest and employee_number is not null"
    )
    return f"select *, {_label_sql('employee_name', 'employee_number')} from ({named})"
