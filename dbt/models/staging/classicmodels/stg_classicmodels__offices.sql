{%- set columns = [
    'office_code', 'office_code_folded', 'office_phone', 'office_address_line_1', 'office_address_line_2',
    'office_postal_code', 'office_city', 'office_state', 'office_country', 'territory',
] %}
with

newest as (

    {{ newest_changes(
        ref('stg_classicmodels__office_changes'), key=['office_code'], position='change_position'
    ) }}

)

select {{ columns | join(', ') }}
from newest
where not is_deletion
{{ and_the_unchanged(published('stg_classicmodels__offices'), columns, key=['office_code'], changed='newest') }}
