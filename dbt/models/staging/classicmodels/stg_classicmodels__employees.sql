with

employees as (

    {{ current_rows(source('classicmodels', 'employees'), key=['employeeNumber']) }}

)

select
    cast({{ column('employeeNumber') }} as integer) as employee_number,
    {{ trimmed('firstName') }} as first_name,
    {{ trimmed('lastName') }} as last_name,
    {{ trimmed('jobTitle') }} as job_title,
    {{ trimmed('email') }} as email,
    {{ trimmed('extension') }} as phone_extension,
    {{ trimmed('officeCode') }} as office_code,
    cast({{ column('reportsTo') }} as integer) as manager_number
from employees
