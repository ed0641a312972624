-- A product is told by its present name and line, whatever they were when it was sold.
with

sales as (

    {{ sales_by(
        'ans_sales_by_product_and_month',
        {
            'product_code': 'order_lines.product_code',
            'order_year': 'cast(extract(year from order_lines.order_date) as integer)',
            'order_month': 'cast(extract(month from order_lines.order_date) as integer)',
        },
        folds={'product_code': ('products', 'productCode')},
    ) }}

),

products as (

    select * from {{ ref('dim_product') }}
    where is_latest

),

months as (

    select distinct
        calendar_year,
        calendar_month,
        month_name_en,
        month_name_pt
    from {{ ref('dim_date') }}

)

select
    coalesce(products.product_code, sales.product_code) as product_code,
    products.product_name,
    products.product_line,
    sales.order_year,
    sales.order_month,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount,
    months.month_name_en,
    months.month_name_pt
from sales
left join products on sales.product_code = {{ folded('products.product_code', 'products', 'productCode') }}
left join months on sales.order_year = months.calendar_year and sales.order_month = months.calendar_month
