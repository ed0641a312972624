with

sales as (

    {{ sales_by('ans_sales_by_order_date', {'order_date': 'order_lines.order_date'}) }}

)

select
    order_date,
    orders,
    order_lines,
    units,
    sales_amount
from sales
