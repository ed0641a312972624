"""Dimension members as the page names them: SQL with one row per member, of its newest version.

dim_* (one row per version) ──▶ products_sql(), customers_sql(), employees_sql(): number, name and ``label``

The page uses one name for a member throughout. Names and product lines of earlier versions are not here: the answers
and the keys of the facts have them.
"""


def distinct_name_sql(name: str, number: str) -> str:
    """SQL of a name, with its number appended when several members have the same name."""
    several = f"{name} is not null and count(*) over (partition by {name}) > 1"
    return f"case when {several} then concat_ws(' ', {name}, '(' || {number} || ')') else {name} end"


def _label_sql(name: str, number: str) -> str:
    """SQL of a member's label in a chart: its name, or its number when it has no name."""
    return f"coalesce({distinct_name_sql(name, number)}, cast({number} as varchar)) as label"


def products_sql() -> str:
    """SQL of ``product_code``, ``product_name``, ``product_line`` and ``label`` of all products, past ones included."""
    return (
        f"select product_code, product_name, product_line, {_label_sql('product_name', 'product_code')}"
        " from dim_product where is_latest and product_code is not null"
    )


def customers_sql() -> str:
    """SQL of ``customer_number``, ``customer_name`` and ``label`` of all customers, past ones included."""
    return (
        f"select customer_number, customer_name, {_label_sql('customer_name', 'customer_number')}"
        " from dim_customer where is_latest and customer_number is not null"
    )


def employees_sql() -> str:
    """SQL of ``employee_number``, ``employee_name`` and ``label`` of all employees, past ones included."""
    named = (
        "select employee_number, nullif(concat_ws(' ', first_name, last_name), '') as employee_name"
        " from dim_employee where is_latest and employee_number is not null"
    )
    return f"select *, {_label_sql('employee_name', 'employee_number')} from ({named})"
