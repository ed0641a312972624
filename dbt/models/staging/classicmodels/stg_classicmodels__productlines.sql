-- The image of the line stays in the lake: no answer needs its bytes.
{%- set columns = [
    'product_line', 'product_line_folded', 'product_line_description', 'product_line_html',
] %}
with

newest as (

    {{ newest_changes(source('classicmodels', 'productlines'), key=['productLine']) }}

),

cleaned as (

    select
        {{ typed('productLine') }} as product_line,
        {{ folded(typed('productLine'), 'productlines', 'productLine') }} as product_line_folded,
        {{ trimmed('textDescription') }} as product_line_description,
        {{ trimmed('htmlDescription') }} as product_line_html,
        {{ column('_op') }} = 'd' as is_deletion
    from newest

)

select {{ columns | join(', ') }}
from cleaned
where not is_deletion
{{ and_the_unchanged(published('stg_classicmodels__productlines'), columns, key=['product_line'], changed='cleaned') }}
