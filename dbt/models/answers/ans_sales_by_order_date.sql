with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

dates as (

    select * from {{ ref('dim_date') }}

)

select
    dates.date_day as order_date,
    {{ sales_measures('order_lines') }}
from order_lines
inner join dates on order_lines.order_date_key = dates.date_key
group by dates.date_day
