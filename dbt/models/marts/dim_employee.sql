with

versions as (

    select * from {{ ref('int_employee_versions') }}

),

newest as (

    select * from versions
    where is_latest

),

offices as (

    select * from {{ ref('int_office_versions') }}
    where is_latest

)

select
    coalesce(versions.version_key, -1) as employee_key,
    versions.employee_number,
    versions.first_name,
    versions.last_name,
    versions.job_title,
    versions.email,
    versions.phone_extension,
    versions.office_code,
    offices.office_city,
    offices.office_country,
    versions.manager_number,
    managers.first_name as manager_first_name,
    managers.last_name as manager_last_name,
    managers.job_title as manager_job_title,
    {{ version_columns('versions') }}
from versions
{{ and_the_unknown_member('versions', 'employee_number', 'integer') }}
left join offices on {{ folded('versions.office_code', 'offices', 'officeCode') }} = offices.office_code_folded
left join newest as managers on versions.manager_number = managers.employee_number
