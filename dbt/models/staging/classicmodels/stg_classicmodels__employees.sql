{%- set columns = [
    'employee_number', 'first_name', 'last_name', 'job_title', 'email', 'phone_extension', 'office_code',
    'manager_number',
] %}
with

newest as (

    {{ newest_changes(source('classicmodels', 'employees'), key=['employeeNumber']) }}

),

cleaned as (

    select
        cast({{ column('employeeNumber') }} as integer) as employee_number,
        {{ trimmed('firstName') }} as first_name,
        {{ trimmed('lastName') }} as last_name,
        {{ trimmed('jobTitle') }} as job_title,
        {{ trimmed('email') }} as email,
        {{ trimmed('extension') }} as phone_extension,
        {{ trimmed('officeCode') }} as office_code,
        cast({{ column('reportsTo') }} as integer) as manager_number,
        {{ column('_op') }} = 'd' as is_deletion
    from newest

)

select {{ columns | join(', ') }}
from cleaned
where not is_deletion
{{ and_the_unchanged('stg_classicmodels__employees', columns, key=['employee_number'], changed='cleaned') }}
