-- A typing error or a sentinel (1900-01-01, 9999-12-31) must neither be lost nor stretch the calendar over
-- centuries: outside the window of vars calendar_earliest and calendar_latest only the dates that occur get a row.
with

dates as (

    select date_day from {{ ref('int_dates_that_occur') }}

),

captured_days as (

    select * from {{ ref('stg_refera__captured_days') }}

),

occurring as (

    select date_day from dates
    union
    select captured_on as date_day from captured_days

),

years as (

    select
        cast(extract(year from min(date_day)) as string) as first_year,
        cast(extract(year from max(date_day)) as string) as last_year
    from occurring
    where date_day between date '{{ var("calendar_earliest") }}' and date '{{ var("calendar_latest") }}'

),

bounds as (

    select
        cast(first_year || '-01-01' as date) as first_day,
        cast(last_year || '-12-31' as date) as last_day
    from years

),

days as (

    select cast(each_day.date_day as date) as date_day
    from bounds
    {{ for_each_day('bounds.first_day', 'bounds.last_day') }}
    union
    select occurring.date_day
    from occurring
    where occurring.date_day is not null

),

numbered as (

    select
        date_day,
        -- 1900-01-01 was a Monday; the second remainder is for the days before it.
        (({{ days_between("date '1900-01-01'", "date_day") }} % 7) + 7) % 7 + 1 as day_of_week
    from days

)

select
    {{ date_key('numbered.date_day') }} as date_key,
    numbered.date_day,
    cast(extract(year from numbered.date_day) as integer) as calendar_year,
    cast(extract(quarter from numbered.date_day) as integer) as calendar_quarter,
    cast(extract(month from numbered.date_day) as integer) as calendar_month,
    cast(extract(day from numbered.date_day) as integer) as day_of_month,
    cast(numbered.day_of_week as integer) as day_of_week,
    cast(date_trunc('month', numbered.date_day) as date) as month_starts_on,
    numbered.day_of_week >= 6 as is_weekend,
    {{ name_of('extract(month from numbered.date_day)', [
        'January', 'February', 'March', 'April', 'May', 'June',
        'July', 'August', 'September', 'October', 'November', 'December',
    ]) }} as month_name_en,
    {{ name_of('extract(month from numbered.date_day)', [
        'janeiro', 'fevereiro', 'março', 'abril', 'maio', 'junho',
        'julho', 'agosto', 'setembro', 'outubro', 'novembro', 'dezembro',
    ]) }} as month_name_pt,
    {{ name_of('numbered.day_of_week', [
        'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday',
    ]) }} as weekday_name_en,
    {{ name_of('numbered.day_of_week', [
        'segunda-feira', 'terça-feira', 'quarta-feira', 'quinta-feira', 'sexta-feira', 'sábado', 'domingo',
    ]) }} as weekday_name_pt
from numbered
{{ and_the_unknown_member('numbered', 'date_day', 'date') }}
