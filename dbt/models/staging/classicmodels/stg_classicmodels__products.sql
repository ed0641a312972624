{%- set columns = [
    'product_code', 'product_code_folded', 'product_name', 'product_line', 'product_scale', 'product_vendor',
    'product_description', 'quantity_in_stock', 'buy_price', 'msrp',
] %}
with

newest as (

    {{ newest_changes(
        ref('stg_classicmodels__product_changes'), key=['product_code'], position='change_position'
    ) }}

)

select {{ columns | join(', ') }}
from newest
where not is_deletion
{{ and_the_unchanged(published('stg_classicmodels__products'), columns, key=['product_code'], changed='newest') }}
