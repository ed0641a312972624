-- Every attribute of an employee has a history; what the office and the manager are called is theirs.
{{ version_history(
    ref('stg_classicmodels__employee_changes'),
    published('int_employee_history'),
    key='employee_number',
    attributes=[
        'first_name', 'last_name', 'job_title', 'email', 'phone_extension', 'office_code', 'manager_number',
    ]
) }}
