{{ versions(ref('int_customer_history'), 'customer_number') }}
