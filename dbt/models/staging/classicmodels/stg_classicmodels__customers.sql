{%- set columns = [
    'customer_number', 'customer_name', 'contact_first_name', 'contact_last_name', 'customer_phone',
    'customer_address_line_1', 'customer_address_line_2', 'customer_postal_code', 'customer_city',
    'customer_state', 'customer_country', 'sales_rep_number', 'credit_limit',
] %}
with

newest as (

    {{ newest_changes(
        ref('stg_classicmodels__customer_changes'), key=['customer_number'], position='change_position'
    ) }}

)

select {{ columns | join(', ') }}
from newest
where not is_deletion
{{ and_the_unchanged(published('stg_classicmodels__customers'), columns, key=['customer_number'], changed='newest') }}
