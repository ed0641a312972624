-- The stock is no attribute of a product but a measure: it has facts of its own.
{{ version_history(
    ref('stg_classicmodels__product_changes'),
    published('int_product_history'),
    key='product_code_folded',
    attributes=[
        'product_code', 'product_name', 'product_line', 'product_scale', 'product_vendor', 'product_description',
        'buy_price', 'msrp',
    ]
) }}
