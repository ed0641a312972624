-- The dimension shows an office as it is, or was last; so an office that was closed still has its sales.
{{ version_history(
    ref('stg_classicmodels__office_changes'),
    published('int_office_history'),
    key='office_code_folded',
    attributes=[
        'office_code', 'office_phone', 'office_address_line_1', 'office_address_line_2', 'office_postal_code', 'office_city',
        'office_state', 'office_country', 'territory',
    ]
) }}
