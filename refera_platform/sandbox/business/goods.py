"""Generator of product lines and products: model buildings in seven lines, as rows in column order.

The texts are here too; nothing comes from the public sample.

    texts (here) + random numbers (``dice``) ──▶ rows
"""

from hashlib import md5
from math import sqrt
from typing import NamedTuple

from refera_platform.sandbox.business.seeded_dice import SeededDice


class ProductLine(NamedTuple):
    """One row of ``productlines``."""

    name: str
    text: str | None
    html: str | None
    image: bytes | None


class Product(NamedTuple):
    """One row of ``products``; money is in cents until it is written."""

    code: str
    name: str
    line: str
    scale: str
    vendor: str
    description: str
    stock: int
    cost_cents: int
    price_cents: int


_LINES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("Lighthouses", "LH", "Towers for every coast, with a lamp that turns.", ("Lighthouse", "Harbour Light")),
    ("Bridges", "BR", "Spans of steel, stone and rope; all of them hold a teacup.", ("Bridge", "Viaduct")),
    ("Windmills", "WM", "Sails that move in the lightest draught.\r\nAssembly takes an evening.", ("Windmill",)),
    ("Observatories", "OB", "Domes that open – paper stars included.", ("Observatory", "Planetarium")),
    ("Tramways", "TR", 'Trams of hill towns, "ready to ring".', ("Tram", "Funicular")),
    ("Doll's Houses", "DH", "Rooms for the smallest tenants; it's all to scale.", ("Doll's House", "Attic Room")),
    ("Théâtres de papier", "TP", "Des scènes à découper, à plier, à applaudir.", ("Paper Theatre", "Opéra de poche")),
)
_SITES = (
    "Ponta Verde",
    "Old Quay",
    "St. Brannock",
    "Serra Azul",
    "Île aux Moines",
    "Cape Farewell",
    "Kite Hill",
    "O'Dowd's",
    "Três Marias",
    "Møllebakken",
    "North Mole",
    "Val d'Écume",
    "Lantern Rock",
    "Miller's Reach",
    "Alto da Sé",
    "Königswald",
    "Twin Rivers",
    "Barra Funda",
    "Heron Point",
    "Puerto Viejo",
    "Gull Island",
    "Fjord End",
    "Côte Sauvage",
    "Copper Gate",
    "Morro Branco",
    "Silver Locks",
    "Quinta do Vale",
    "Blue Ferry",
)
_EDITIONS = (
    "",
    " (Winter)",
    ' 12" Showcase',
    " Nº 2",
    ' "Night" Edition',
    " Pocket",
    " Jubilee",
    " in Walnut",
)
_VENDORS = (
    "Atelier Goupil",
    "Prancheta & Cia.",
    "Tiny Timber Works",
    "Papierwerk Süd",
    "Smålands Modell",
    "O'Dowd Castings",
    "Estaleiro Miúdo",
    "Kazaguruma Studio",
)
_SCALES = ("1:24", "1:48", "1:87", "1:120", "1:160")
_PARTS = (
    "{count} laser-cut parts, glue not included.",
    "Painted by hand; no two are alike.",
    "Comes with lights (3 V) and a spare bulb.",
    'Base of beech, 12" wide.',
    "Pièces prédécoupées, notice illustrée.",
    "Para maiores de 8 anos; contém peças pequenas.",
    "It's sturdy: tested with a cat.",
)


def make_product_lines(seed: int) -> list[ProductLine]:
    """Seven lines; three have a small picture, one an empty one, the others none."""
    rows = []
    for index, (name, _, text, _) in enumerate(_LINES):
        picture = b"\x89PNG\r\n\x1a\n\x00'\"\\" + md5(f"{seed}/{name}".encode(), usedforsecurity=False).digest() * 9
        rows.append(
            ProductLine(
                name=name,
                text=None if index == 4 else text,
                html=f"<p>{text}</p>\r\n" if index % 2 else None,
                image=(picture, None, b"", None, picture[:64], None, picture)[index],
            )
        )
    return rows


def product_count(scale: float) -> int:
    """How many products a sample of this scale has; the number grows slower than the sales."""
    return max(60, round(110 * sqrt(scale)))


def make_products(seed: int, scale: float) -> list[Product]:
    """All products; the ninth has the name of the second, and the third and every fortieth are sold out."""
    count = product_count(scale)
    names = [_product_name(index) for index in range(count)]
    names[8] = names[1]
    rows = []
    for index, name in enumerate(names):
        dice = SeededDice(seed, "product", index)
        line, letters, _, _ = _LINES[index % len(_LINES)]
        size = dice.pick(_SCALES)
        price = dice.between(1900, 21_900)
        rows.append(
            Product(
                code=f"{letters}{size.partition(':')[2]}_{1000 + 3 * index}",
                name=name,
                line=line,
                scale=size,
                vendor=dice.pick(_VENDORS),
                description=_description(dice, name),
                stock=0 if index % 40 == 2 else dice.between(60, 9800),
                cost_cents=price * dice.between(42, 74) // 100,
                price_cents=price,
            )
        )
    return rows


def sellable_count(count: int) -> int:
    """How many of the products, counted from the first, appear in past orders; the others were never sold."""
    return count - max(3, count // 40)


def _product_name(index: int) -> str:
    round_of_lines = index // len(_LINES)
    kinds = _LINES[index % len(_LINES)][3]
    site = _SITES[(round_of_lines + 5 * (index % len(_LINES))) % len(_SITES)]
    kind = kinds[round_of_lines // len(_SITES) % len(kinds)]
    edition = _EDITIONS[(round_of_lines + round_of_lines // (len(_SITES) * len(kinds))) % len(_EDITIONS)]
    return f"{site} {kind}{edition}"


def _description(dice: SeededDice, name: str) -> str:
    first, second = dice.sample(_PARTS, 2)
    return f"{name}. " + f"{first} {second}".format(count=dice.between(40, 900))
