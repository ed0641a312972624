-- Employees move between offices and managers: where they were is only known from the changes.
with

changes as (

    select * from {{ source('classicmodels', 'employees') }}

)

select
    cast({{ column('employeeNumber') }} as integer) as employee_number,
    {{ trimmed('firstName') }} as first_name,
    {{ trimmed('lastName') }} as last_name,
    {{ trimmed('jobTitle') }} as job_title,
    {{ trimmed('email') }} as email,
    {{ trimmed('extension') }} as phone_extension,
    {{ typed('officeCode') }} as office_code,
    cast({{ column('reportsTo') }} as integer) as manager_number,
    {{ column('_changed_at') }} as changed_at,
    {{ column('day') }} as changed_on,
    {{ column('_position') }} as change_position,
    {{ column('_op') }} = 'd' as is_deletion
from changes
