"""Texts of the sample business: cities that exist, people and shops that do not.

Nothing here comes from the public sample. ``people`` makes rows of these texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Culture:
    """Names of people, shops and streets in one culture."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    shops: tuple[str, ...]
    """Names of shops; ``{first}`` and ``{last}`` stand for a person, who need not be the contact."""
    streets: tuple[str, ...]
    """First address lines; ``{n}`` stands for a number."""
    inside: tuple[str, ...] = ("Loja 3", "2º andar", "Bloco B")
    """Second address lines."""


@dataclass(frozen=True, kw_only=True)
class City:
    """A city in which customers live."""

    country: str
    city: str
    state: str | None
    postal: str
    """Postal code; each ``#`` stands for a digit."""
    phone: str
    territory: str
    culture: str


BRAZILIAN = Culture(
    first=("Conceição", "João", "Iracema", "Antônio", "Luíza", "Caetano", "Jussara", "Otávio", "Inês", "Moacir"),
    last=("Siqueira", "Guimarães", "D'Ávila", "Falcão", "Brandão", "Nóbrega", "Assunção", "Peçanha"),
    shops=(
        "Miniaturas {last} Ltda.",
        "Ateliê {first} {last}",
        "Casa {last} & Irmãos",
        "Oficina {first}",
        'Armazém "{first} {last}"',
        "{last} Maquetes ME",
    ),
    streets=("Rua das Jangadas, {n}", "Avenida Maré Alta, {n}", "Travessa São Bento, {n}", "Ladeira da Glória, {n}"),
)
FRENCH = Culture(
    first=("Éloïse", "Gaël", "Margaux", "Théo", "Noémie", "Loïc", "Aurélien", "Céleste", "Maël", "Sidonie"),
    last=("Béranger", "L'Hermitte", "Fauconnier", "Châtelain", "Quéméner", "Desrosiers", "Villeneuve", "Aubépin"),
    shops=(
        "Maison {last} & Fils",
        "L'Établi de {first}",
        "Maquettes {last} SARL",
        "{first} {last}, modéliste",
        "Au Petit Phare {last}",
        "Comptoir {first} {last}",
    ),
    streets=("{n}, quai des Voiliers", "{n} bis, rue de l'Écluse", "{n}, allée des Tilleuls", "{n}, place du Beffroi"),
    inside=("Bâtiment C", "3e étage", "Cour intérieure"),
)
ENGLISH = Culture(
    first=("Rowan", "Imogen", "Desmond", "Tamsin", "Callum", "Beatrix", "Fergus", "Odette", "Wesley", "Hazel"),
    last=("O'Dowd", "Thistlewood", "Marchbanks", "Penhallow", "Okafor", "Lockhart", "Fairweather", "Quill"),
    shops=(
        "{last}'s Model Yard",
        'The "Little {last}" Shop',
        "{first} {last} & Daughters",
        "{last} Keepsakes, Inc.",
        "Tiny Quarter by {first} {last}",
        "{last} & {first} Trading",
    ),
    streets=("{n} Gullwing Lane", "{n} St. Brannock's Row", "{n} Millrace Avenue", "{n} Copperfield Terrace"),
    inside=("Unit 9", "Rear entrance", 'Floor 2, Door "A"'),
)
GERMAN = Culture(
    first=("Jörg", "Annegret", "Björn", "Käthe", "Lutz", "Swantje", "Götz", "Friederike"),
    last=("Müllenbach", "Großkopf", "Überseer", "Schönwetter", "Kranzfelder", "Weißdorn", "Hägele", "Possehl"),
    shops=(
        "Modellbau {last} GmbH",
        "{last} & Söhne KG",
        "Spielzeugstube {first} {last}",
        "{first} {last} Miniaturen",
        "Werkstatt {last}",
    ),
    streets=("Möwenstraße {n}", "Am Kühlen Grund {n}", "Schleusenweg {n}", "Lindenhof {n}"),
    inside=("Hinterhaus", "2. Stock", "Aufgang B"),
)
SPANISH = Culture(
    first=("Íñigo", "Rocío", "Ximena", "Óscar", "Belén", "Julián", "Ainhoa", "Tomás"),
    last=("Ibáñez", "Muñoz", "Echeverría", "Zubizarreta", "Peñalver", "Cárdenas", "Ordóñez", "Lucena"),
    shops=("Juguetería {last}", "Maquetas {first} {last} S.L.", "Hermanos {last}", "El Faro de {first} {last}"),
    streets=("Calle del Molino, {n}", "Paseo de la Ría, {n}", "Camino Viejo, {n}", "Plaza Peñón, {n}"),
    inside=("Piso 4º", "Local bajo", "Puerta 2"),
)
NORDIC = Culture(
    first=("Åse", "Jørgen", "Solveig", "Håkon", "Linnéa", "Søren", "Tuva", "Mårten"),
    last=("Bjerregård", "Åkerlund", "Sjöstrand", "Ødegaard", "Fjeldsted", "Nygård", "Lindqvist", "Tveit"),
    shops=("{last} Modeller AS", "Byggesett {first} {last}", "{last} & Co.", "Lilla {first}s Fyr"),
    streets=("Fyrvägen {n}", "Nedre Kaigate {n}", "Bryggeveien {n}", "Sjøgata {n}"),
    inside=("Uppgång 3", "2. etasje", "Inngang B"),
)
POLISH = Culture(
    first=("Łukasz", "Bożena", "Zdzisław", "Małgorzata", "Wojciech", "Żaneta"),
    last=("Wiśniowiecki", "Gołębiewska", "Brzęczek", "Śliwa", "Źrebięcki", "Łęcka"),
    shops=("Modelarnia {last}", "{last} i Spółka", "Pracownia {first} {last}", "Latarnia {first} {last}"),
    streets=("ul. Młyńska {n}", "al. Źródlana {n}", "ul. Świętojańska {n}"),
    inside=("lok. 7", "piętro II", "wejście od podwórza"),
)
JAPANESE = Culture(
    first=("結衣", "陽翔", "さくら", "Haruto", "Midori", "Kenzō"),
    last=("青空", "小灯台", "橋本屋", "Aozora", "Fūsha", "Minato"),
    shops=("株式会社 {last}模型", "{last}工房", "{first}の店", "{last} Mokei Co., Ltd."),
    streets=("港町{n}丁目", "{n}-2 Kazamidori", "橋通り {n}"),
    inside=("3階", "Bldg. 2F", "B1"),
)

CULTURES: Mapping[str, Culture] = {
    "brazilian": BRAZILIAN,
    "french": FRENCH,
    "english": ENGLISH,
    "german": GERMAN,
    "spanish": SPANISH,
    "nordic": NORDIC,
    "polish": POLISH,
    "japanese": JAPANESE,
}

_CITIES: tuple[tuple[str, str, str | None, str, str, str, str], ...] = (
    ("New Zealand", "Auckland", None, "10##", "+64 9 555 0", "APAC", "english"),
    ("New Zealand", "Dunedin", "", "90##", "+64 3 555 0", "APAC", "english"),
    ("Australia", "Hobart", "Tasmania", "70##", "+61 3 5550 ", "APAC", "english"),
    ("Japan", "金沢市", "石川県", "920-0#1#", "+81 76 555 ", "APAC", "japanese"),
    ("Japan", "Kōchi", None, "780-08##", "+81 88 555 ", "APAC", "japanese"),
    ("Brazil", "Recife", "PE", "50#10-#30", "+55 81 5550-", "LATAM", "brazilian"),
    ("Brazil", "São Luís", "MA", "650#5-#00", "+55 98 5550-", "LATAM", "brazilian"),
    ("Brazil", "Florianópolis", "SC", "880#0-0#0", "+55 48 5550-", "LATAM", "brazilian"),
    ("Brazil", "Belo Horizonte", "MG", "301#0-0##", "+55 31 5550-", "LATAM", "brazilian"),
    ("Brazil", "Maceió", "AL", "570#0-0##", "+55 82 5550-", "LATAM", "brazilian"),
    ("Uruguay", "Montevideo", None, "11#00", "+598 2555 ", "LATAM", "spanish"),
    ("Chile", "Valparaíso", None, "234####", "+56 32 555 ", "LATAM", "spanish"),
    ("USA", "Duluth", "MN", "558##", "+1 218 555 0", "NA", "english"),
    ("USA", "Savannah", "GA", "314##", "+1 912 555 0", "NA", "english"),
    ("USA", "Tacoma", "WA", "984##", "+1 253 555 0", "NA", "english"),
    ("USA", "Providence", "RI", "029##", "+1 401 555 0", "NA", "english"),
    ("Canada", "Trois-Rivières", "Québec", "G9A #J#", "+1 819 555 0", "NA", "french"),
    ("Canada", "Halifax", "Nova Scotia", "B3H #K#", "+1 902 555 0", "NA", "english"),
    ("France", "Saint-Étienne", None, "420##", "04.77.55.", "EMEA", "french"),
    ("France", "Besançon", "", "250##", "03.81.55.", "EMEA", "french"),
    ("France", "La Réole", None, "331##", "05.56.55.", "EMEA", "french"),
    ("Portugal", "Póvoa de Varzim", None, "449#-#10", "+351 252 55 ", "EMEA", "brazilian"),
    ("Portugal", "Évora", None, "700#-5##", "+351 266 55 ", "EMEA", "brazilian"),
    ("Ireland", "Dún Laoghaire", "Co. Dublin", "A96 #X#", "+353 1 555 ", "EMEA", "english"),
    ("UK", "Whitby", "North Yorkshire", "YO2# #AB", "+44 1947 555", "EMEA", "english"),
    ("Germany", "Lübeck", None, "235##", "0451-555", "EMEA", "german"),
    ("Germany", "Görlitz", None, "028##", "03581-555", "EMEA", "german"),
    ("Austria", "Wörgl", "", "63##", "+43 5332 55", "EMEA", "german"),
    ("Spain", "A Coruña", "Galicia", "150##", "+34 981 55 ", "EMEA", "spanish"),
    ("Spain", "Cádiz", None, "110##", "+34 956 55 ", "EMEA", "spanish"),
    ("Norway", "Tromsø", None, "90##", "+47 77 55 ", "EMEA", "nordic"),
    ("Denmark", "Ærøskøbing", "", "59##", "+45 62 55 ", "EMEA", "nordic"),
    ("Sweden", "Västerås", None, "S-72# ##", "+46 21 55 ", "EMEA", "nordic"),
    ("Poland", "Łódź", None, "90-0##", "+48 42 555 ", "EMEA", "polish"),
    ("Poland", "Gdańsk", None, "80-2##", "+48 58 555 ", "EMEA", "polish"),
)

CITIES: tuple[City, ...] = tuple(
    City(
        country=country,
        city=city,
        state=state,
        postal=postal,
        phone=phone,
        territory=territory,
        culture=culture,
    )
    for country, city, state, postal, phone, territory, culture in _CITIES
)
"""Where customers live; the first city always has customers with and without trailing blanks in their city."""

TERRITORIES = ("EMEA", "LATAM", "NA", "APAC")

OFFICES: tuple[tuple[str, str, str, str, str | None, str | None, str, str, str], ...] = (
    (
        "1",
        "Recife",
        "+55 81 5550-1000",
        "Cais do Apolo, 77",
        "8º andar",
        "PE",
        "Brazil",
        "50030-220",
        "LATAM",
    ),
    ("2", "Grenoble", "+33 4 76 55 20 00", "12, quai de l'Isère", None, None, "France", "38000", "EMEA"),
    ("3", "Halifax", "+1 902 555 3000", "5 Lanternman's Wharf", "", "Nova Scotia", "Canada", "B3J 1A1", "NA"),
    ("4", "Wellington", "+64 4 555 4000", "18 Windward Street", None, "", "New Zealand", "6011", "APAC"),
    ("5", "Rotterdam", "+31 10 555 5000", "Brugwachter 9", None, None, "Netherlands", "3011 AB", "EMEA"),
    ("6", "Duluth", "+1 218 555 6000", "301 Beacon Hill", "Suite 4", "MN", "USA", "55802", "NA"),
    ("7", "Córdoba", "+54 351 555 7000", "Pasaje del Faro 640", None, None, "Argentina", "X5000", "LATAM"),
)

COMMENTS = (
    "Please ring the bell twice.\r\nThe dog is friendly.",
    "Cliente pediu embrulho para presente; atenção à data de entrega.",
    "À livrer après 18 h, côté cour.\r\n\r\nMerci d'avance !",
    'Customer says: "half now, half next month", o.k. by us.',
    "Invoice to c/o head office; discount 5% agreed, don't repeat.",
    "Zerbrechlich! Bitte über die Rampe anliefern.",
    "Path on the label: C:\\boxes\\new; tab here ->\t<- kept.",
    "Señal pagada, resto a la entrega.\nLlamar antes.",
    "NULL",
    "  spaces around  ",
)
"""Comments on orders; all of them fit latin1."""
WIDE_COMMENTS = (
    "Proszę dostarczyć przed świętami – żółte pudełko.",
    "東京店より。\r\n割れ物注意。",
    "Παρακαλώ προσοχή στο γυαλί…",
    "Цена “как в прошлый раз”.",
)
"""Comments on orders for columns with a wider character set."""


def fits_latin1(*texts: str) -> bool:
    """Whether every text can be kept in a latin1 column."""
    return all(all(ord(character) < 256 for character in text) for text in texts)
