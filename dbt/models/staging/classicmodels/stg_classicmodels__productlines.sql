-- The picture of the line stays in the lake: no question is asked of its bytes.
with

productlines as (

    {{ current_rows(source('classicmodels', 'productlines'), key=['productLine']) }}

)

select
    {{ trimmed('productLine') }} as product_line,
    {{ trimmed('textDescription') }} as product_line_description,
    {{ trimmed('htmlDescription') }} as product_line_html
from productlines
