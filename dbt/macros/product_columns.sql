{#- The columns of a product, cleaned: the same for products as they are and for their changes. -#}
{% macro product_columns() -%}
    {{ trimmed('productCode') }} as product_code,
    {{ trimmed('productName') }} as product_name,
    {{ trimmed('productLine') }} as product_line,
    {{ trimmed('productScale') }} as product_scale,
    {{ trimmed('productVendor') }} as product_vendor,
    {{ trimmed('productDescription') }} as product_description,
    cast({{ column('quantityInStock') }} as integer) as quantity_in_stock,
    cast({{ column('buyPrice') }} as decimal(18, 2)) as buy_price,
    cast({{ column('MSRP') }} as decimal(18, 2)) as msrp
{%- endmacro %}
