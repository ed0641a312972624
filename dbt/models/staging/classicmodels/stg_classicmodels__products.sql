with

products as (

    {{ current_rows(source('classicmodels', 'products'), key=['productCode']) }}

)

select {{ product_columns() }}
from products
