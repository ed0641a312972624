{{ versions(ref('int_product_history'), 'product_code_folded') }}
