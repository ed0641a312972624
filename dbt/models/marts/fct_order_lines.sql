-- Left joins: a line whose order or product is missing keeps its money, at the unknown member.
with

order_lines as (

    select * from {{ ref('stg_classicmodels__orderdetails') }}

),

orders as (

    select * from {{ ref('int_orders_with_sales_team') }}

),

products as (

    select * from {{ ref('int_products_with_deleted') }}

)

select
    order_lines.order_number,
    order_lines.product_code,
    order_lines.order_line_number,
    orders.customer_number,
    orders.order_date,
    coalesce(orders.order_date_key, -1) as order_date_key,
    coalesce(orders.required_date_key, -1) as required_date_key,
    coalesce(orders.shipped_date_key, -1) as shipped_date_key,
    coalesce(orders.customer_key, -1) as customer_key,
    coalesce(products.product_key, -1) as product_key,
    coalesce(orders.sales_rep_key, -1) as sales_rep_key,
    coalesce(orders.manager_key, -1) as manager_key,
    coalesce(orders.office_key, -1) as office_key,
    coalesce(orders.order_status_key, -1) as order_status_key,
    order_lines.units,
    order_lines.unit_price,
    products.buy_price as unit_cost,
    order_lines.sales_amount,
    cast(order_lines.units * products.buy_price as decimal(18, 2)) as cost_amount,
    cast(order_lines.sales_amount - order_lines.units * products.buy_price as decimal(18, 2)) as margin_amount
from order_lines
left join orders on order_lines.order_number = orders.order_number
left join products on order_lines.product_code = products.product_code
