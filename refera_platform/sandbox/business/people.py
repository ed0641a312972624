"""Offices, employees and customers of the sample. Faker invents names, companies and addresses; SQL makes rows of them.

Faker ──▶ table identity ──▶ OFFICES_SQL, EMPLOYEES_SQL; with table newcomer: CUSTOMERS_SQL (history and days)
"""

from functools import cache

from faker import Faker

from refera_platform.sandbox.business.chance import throw
from refera_platform.sandbox.business.session import SampleSession

LOCALES = {
    "en_NZ": ("APAC", "Rear entrance"),
    "pt_BR": ("LATAM", "2º andar"),
    "fr_FR": ("EMEA", "3e étage"),
    "en_US": ("NA", 'Floor 2, Door "A"'),
    "de_DE": ("EMEA", "Hinterhaus"),
    "es_AR": ("LATAM", "Piso 4º"),
    "sv_SE": ("EMEA", "Uppgång 3"),
    "pl_PL": ("EMEA", "wejście od podwórza"),
    "ja_JP": ("APAC", "3階"),
}
"""Territory, and second line of an address. latin1 cannot spell the last two."""
MAX_IDENTITIES = 900
"""Invented identities; more customers than these share their parts in other combinations."""
FIRST_CUSTOMER_NUMBER = 103
_PERSON = ("company", "last_name", "first_name", "phone_number")
_ADDRESS = ("street_address", "city", "administrative_unit", "postcode", "current_country")
"""Methods of Faker, and columns of the table ``identity``. Not every country has administrative units."""

OFFICES_SQL = """
insert into offices
select
    i + 1, city, phone_number, street_address, case i % 3 when 1 then suite when 2 then '' end,
    case when i % 4 = 2 then '' when i % 4 > 0 then administrative_unit end,
    current_country, postcode, territory
from identity where i < 7"""
EMPLOYEES_SQL = f"""
insert into employees
select
    1007 + 7 * seq, last_name, first_name, concat('x', 100 + {throw("extension", "seq")} % 9900),
    concat('staff', 1007 + 7 * seq, '@faroeponte.example'), if(seq < 3, 1, 1 + (seq - 3) % 7),
    case when seq = 0 then null when seq < 3 then 1007
        when seq < 3 + @managers or seq = 2 + @managers + @reps then 1014 else 1028 + 7 * (seq % @managers) end,
    case when seq < 3 then elt(seq + 1, 'President', 'VP Sales', 'VP Workshop') when seq < 3 + @managers
        then concat('Sales Manager (', elt(seq % 4 + 1, 'EMEA', 'LATAM', 'NA', 'APAC'), ')') else 'Sales Rep' end
from seq_0_to_{{last}} join identity on i = {throw("employee", "seq")} % @identities"""
"""Superiors come first; the last rep reports to the sales vice president and not to a manager."""
FIRST_CUSTOMERS_SQL = f"""
create or replace temporary table newcomer (primary key (customerNumber)) as
select
    seq as i, seq % 12 as oddity, {FIRST_CUSTOMER_NUMBER} + seq + seq div 4 as customerNumber,
    case when seq % 9 <> 7 then 1007 + 7 * (3 + @managers + (seq + @reps - 3) % @reps) end as rep
from seq_{{start}}_to_{{last}}"""
"""Customers of the history: every fifth number is skipped, the third customer has the rep without a manager."""
BUYERS_SQL = "select customerNumber from customers where customerNumber % 6 > 0"
CUSTOMERS_SQL = f"""
insert into customers
select
    customerNumber, case oddity when 9 then concat('The "Little ', firm.last_name, '" Shop')
        when 10 then concat(firm.last_name, ' & Sons'' Models') else firm.company end,
    person.last_name, concat(person.first_name, if(oddity = 6, ' ', '')), firm.phone_number, site.street_address,
    case when oddity in (5, 6, 8) then site.suite when oddity = 4 then '' end,
    concat(site.city, if(oddity = 0, '  ', '')), if(oddity = 7, '', site.administrative_unit),
    if(oddity = 8, null, site.postcode), concat(site.current_country, if(oddity = 3, ' ', '')), rep,
    case oddity when 2 then null when 3 then 0 else 100 * (80 + {throw("credit", "customerNumber")} % 2120) end
from newcomer as n
join identity as site on site.i = if(n.i = 1, 0, n.i) % @identities
join identity as firm on firm.i = (if(n.i % 40 = 4, n.i - 1, n.i) + n.i div @identities * @locales) % @identities
join identity as person on person.i = (n.i + n.i div @identities * 2 * @locales) % @identities
order by customerNumber"""
"""The first two customers live in one city, spelt in two ways; the fifth and every fortieth has another one's name."""


def fill_identities(session: SampleSession, topic: str, count: int, *, is_wide: bool = True) -> None:
    """Invent people, companies and addresses of all locales in turn, into the temporary table ``identity``."""
    locales = [*LOCALES] if is_wide else [*LOCALES][:-2]
    rounds = range(-(-min(count, MAX_IDENTITIES) // len(locales)))
    for locale in locales:
        _faker(locale).seed_instance(f"{topic}/{locale}")
    texts = [_identity(locale, "utf-8" if is_wide else "latin-1") for _ in rounds for locale in locales]
    columns = ", ".join(f"{name} varchar(50)" for name in (*_PERSON, *_ADDRESS, "territory", "suite"))
    session.run(f"create or replace temporary table identity (i int primary key, {columns}) charset utf8mb4")
    session.insert("identity", [(index, *identity) for index, identity in enumerate(texts)])
    session.set_variables(identities=len(texts), locales=len(locales))


def _identity(locale: str, charset: str) -> list[str | None]:
    fake = _faker(locale)
    texts = [getattr(fake, part)() if hasattr(fake, part) else None for part in (*_PERSON, *_ADDRESS)]
    return [text and text[:50].encode(charset, "replace").decode(charset) for text in (*texts, *LOCALES[locale])]


@cache
def _faker(locale: str) -> Faker:
    """Generator of one locale; loading one takes longer than a simulated day."""
    providers = [f"faker.providers.{name}" for name in ("address", "company", "person", "phone_number")]
    return Faker(locale, providers=providers, use_weighting=False)
