{%- set columns = [
    'employee_number', 'first_name', 'last_name', 'job_title', 'email', 'phone_extension', 'office_code',
    'manager_number',
] %}
with

newest as (

    {{ newest_changes(
        ref('stg_classicmodels__employee_changes'), key=['employee_number'], position='change_position'
    ) }}

)

select {{ columns | join(', ') }}
from newest
where not is_deletion
{{ and_the_unchanged(published('stg_classicmodels__employees'), columns, key=['employee_number'], changed='newest') }}
