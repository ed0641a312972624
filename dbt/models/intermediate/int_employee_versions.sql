{{ versions(ref('int_employee_history'), 'employee_number') }}
