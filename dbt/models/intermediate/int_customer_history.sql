-- Every attribute of a customer has a history.
{{ version_history(
    ref('stg_classicmodels__customer_changes'),
    published('int_customer_history'),
    key='customer_number',
    attributes=[
        'customer_name', 'contact_first_name', 'contact_last_name', 'customer_phone',
        'customer_address_line_1', 'customer_address_line_2', 'customer_postal_code', 'customer_city',
        'customer_state', 'customer_country', 'sales_rep_number', 'credit_limit',
    ]
) }}
