"""Character sets: every code of every set is the UTF-8 that the server makes of it, also what is no character."""

import pytest

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog.charsets import PYTHON_UNICODE_CODECS, UTF8_CHARSETS, Charset, Charsets
from refera_platform_tests.local_stack import source_of

UNKNOWN_HERE = {"binary"}


def server_utf8(source, name, texts):
    """What the server makes of texts."""
    asked = ", ".join(f"hex(convert(convert(x'{text.hex()}' using {name}) using utf8mb4))" for text in texts)
    return [bytes.fromhex(found) for found in source.ask(f"select {asked}")[0]]


def test_every_set_of_the_server_has_the_servers_own_characters(stage):
    wrong = {}
    with source_of(stage) as source:
        charsets = Charsets(source.ask)
        sets = source.ask("select character_set_name, maxlen from information_schema.character_sets")
        assert len(sets) > 35
        for name, widest in sets:
            if name in UTF8_CHARSETS | PYTHON_UNICODE_CODECS.keys() | UNKNOWN_HERE:
                continue
            codes = [bytes([byte]) for byte in range(256)]
            if widest > 1:  # what follows tells whether it took too many bytes, or too few
                codes += [bytes([first, second]) + b"ab" for first in range(128, 256) for second in range(0, 256, 11)]
            if widest > 2:
                codes += [bytes([0x8F, first, first ^ 3]) + b"ab" for first in range(256)]
            found = [charsets.by_name(name).to_utf8(code) for code in codes]
            expected = [
                each
                for start in range(0, len(codes), 1000)
                for each in server_utf8(source, name, codes[start : start + 1000])
            ]
            wrong |= {
                (name, code): pair for code, *pair in zip(codes, found, expected, strict=True) if pair[0] != pair[1]
            }
    assert wrong == {}


@pytest.mark.parametrize("name", PYTHON_UNICODE_CODECS)
def test_unicode_in_other_widths_is_the_same_characters(stage, name):
    points = [
        *range(32, 0xD800, 997),
        *range(0xE000, 0x10000, 997),
        *(range(0x10000, 0x110000, 99_991) if name != "ucs2" else ()),
    ]
    texts = [chr(point).encode(PYTHON_UNICODE_CODECS[name]) for point in points]
    with source_of(stage) as source:
        expected = server_utf8(source, name, texts)
        charset = Charsets(source.ask).by_name(name)
    assert [charset.to_utf8(text) for text in texts] == expected
    assert charset.to_utf8(b"") == b""


def test_every_collation_has_its_set_and_an_unknown_one_is_refused_by_number(stage):
    with source_of(stage) as source:
        charsets = Charsets(source.ask)
        for number, name in source.ask(
            "select id, character_set_name from information_schema.collations where id is not null"
        ):
            assert charsets._names == {} or charsets._names[number] == name
            if name in ("latin1", "utf16"):
                assert charsets.by_collation(number).name == name
        assert charsets.by_collation(2304).name == "utf8mb4"  # utf8mb4_uca1400_ai_ci, which belongs to several sets
        with pytest.raises(SourceError, match="collation 65000, which the server does not know"):
            charsets.by_collation(65_000)


def test_half_a_pair_stays_what_a_snapshot_would_read_and_torn_text_is_refused():
    assert Charset("ucs2", codec="utf-16-be").to_utf8(b"\xd8\x00") == b"\xed\xa0\x80"
    with pytest.raises(SourceError, match="bytes that are not utf32"):
        Charset("utf32", codec="utf-32-be").to_utf8(b"\0\0A")
