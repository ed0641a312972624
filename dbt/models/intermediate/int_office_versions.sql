{{ versions(ref('int_office_history'), 'office_code_folded') }}
