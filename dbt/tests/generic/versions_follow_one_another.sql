{#-
    The versions of a member do not overlap, are numbered without a gap, and the newest one is the latest. fold: table and
    column of the source whose text the member is.
-#}
{% test versions_follow_one_another(model, member, fold=none) %}
{%- set one = folded(member, fold[0], fold[1]) if fold else member %}

with

in_order as (

    select
        {{ member }},
        version_number,
        valid_from,
        valid_to,
        is_latest,
        row_number() over (partition by {{ one }} order by version_number) as expected_number,
        lead(valid_from) over (partition by {{ one }} order by version_number) as next_from
    from {{ model }}

)

select *
from in_order
where
    version_number <> expected_number
    or valid_to < valid_from
    or next_from < valid_to
    or (next_from is null) <> is_latest
    or (next_from is not null and valid_to is null)

{% endtest %}
