"""Product lines and products of the sample: model buildings in seven lines, of towns that Faker invents.

LINES ──▶ productlines ──▶ PRODUCTS_SQL, with table identity of ``people`` ──▶ products
"""

from refera_platform.sandbox.business.chance import throw

_PICTURE = b"\x89PNG\r\n\x1a\n\x00'\"\\" + bytes(range(160))
LINES: tuple[tuple[int, str, str, str, bytes | None], ...] = (
    (0, "Lighthouses", "Lighthouse", "Towers for every coast, with a lamp that turns.", _PICTURE),
    (1, "Bridges", "Bridge", "Spans of steel, stone and rope; all of them hold a teacup.", None),
    (2, "Windmills", "Windmill", "Sails that move in the lightest draught.\r\nAssembly takes an evening.", b""),
    (3, "Observatories", "Planetarium", "Domes that open – paper stars included.", None),
    (4, "Tramways", "Funicular", 'Trams of hill towns, "ready to ring".', _PICTURE[:64]),
    (5, "Doll's Houses", "Doll's House", "Rooms for the smallest tenants; it's all to scale.", None),
    (6, "Théâtres de papier", "Opéra de poche", "Des scènes à découper, à plier, à applaudir.", _PICTURE),
)
"""Number, name, product, description and picture."""
LINE_TABLE_SQL = """
create or replace temporary table line
    (i int primary key, name varchar(50), product varchar(50), text varchar(500), image blob) charset utf8mb4"""
PRODUCT_LINES_SQL = """
insert into productlines
select name, if(i = 4, null, text), if(i % 2 = 1, concat('<p>', text, '</p>\\r\\n'), null), image from line"""
PRODUCTS_SQL = f"""
insert into products
select
    concat('S', model_scale, '_', 1000 + 3 * seq), product_name, name, concat('1:', model_scale), maker.company,
    concat(product_name, '. ', elt(1 + {throw("part", "seq")} % 4,
        'Painted by hand; no two are alike.', 'Base of beech, 12" wide.',
        'Pièces prédécoupées, notice illustrée.', 'It''s sturdy: tested with a cat.')),
    if(seq % 40 = 2, 0, 60 + {throw("stock", "seq")} % 9741),
    truncate(price * (42 + {throw("cost", "seq")} % 33) / 100, 2), price
from (
    select
        seq, name, 1900 / 100 + {throw("price", "seq")} % 20000 / 100 as price,
        elt(1 + {throw("scale", "seq")} % 5, '24', '48', '87', '120', '160') as model_scale,
        concat(
            site.city, ' ', product,
            elt(1 + naming div 3 % 6, '', ' (Winter)', ' 12" Showcase', ' Nº 2', ' "Night" Edition', ' Pocket')
        ) as product_name
    from (select seq, if(seq = 8, 1, seq) as naming from seq_0_to_{{last}}) as numbered
    join line on line.i = naming % 7
    join identity as site on site.i = naming * @locales % @identities + naming % @locales
) as product
join identity as maker on maker.i = seq % 8"""
"""The ninth product has the name of the second; the third and every fortieth are sold out."""
SOLD_SQL = "select productCode from products order by substring_index(productCode, '_', -1) + 0 limit {count}"
"""Products that appear in the history; the newest were never sold."""
