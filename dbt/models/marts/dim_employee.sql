with

employees as (

    select * from {{ ref('stg_classicmodels__employees') }}

),

offices as (

    select * from {{ ref('stg_classicmodels__offices') }}

)

select
    {{ member_key('employees.employee_number') }} as employee_key,
    employees.employee_number,
    employees.first_name,
    employees.last_name,
    employees.job_title,
    employees.email,
    employees.phone_extension,
    employees.office_code,
    offices.office_city,
    offices.office_country,
    employees.manager_number,
    managers.first_name as manager_first_name,
    managers.last_name as manager_last_name,
    managers.job_title as manager_job_title
from employees
{{ and_the_unknown_member('employees', 'employee_number', 'integer') }}
left join offices on employees.office_code = offices.office_code
left join employees as managers on employees.manager_number = managers.employee_number
