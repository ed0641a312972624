"""Hashes that hide: RFC 2104 byte for byte, nothing without a key, and NULL is not a value."""

import hmac

import pytest

from refera_platform.errors import SettingError
from refera_platform.source.hashing import hash_values, require_hash_key
from refera_platform.source.table import SourceTable

pytestmark = pytest.mark.unit

VALUES = [b"ana@example.com", b"", None, "São João 🚗".encode(), bytes(range(256)), b"-42", b"x" * 100_000]
PEOPLE = SourceTable(database="shop", name="people", key=("id",), hashed=frozenset({"email", "cpf"}), about="People.")


@pytest.mark.parametrize("size", [16, 63, 64, 65, 200])
def test_it_is_hmac_sha256_for_keys_of_every_length(size):
    key = bytes(range(7, 7 + size)) if size < 200 else b"k" * size
    expected = [None if value is None else hmac.new(key, value, "sha256").hexdigest().encode() for value in VALUES]
    assert hash_values(key, VALUES) == expected


def test_equal_values_stay_equal_and_another_key_gives_another_hash():
    first, second = hash_values(b"0123456789abcdef", [b"same", b"same"])
    assert first == second
    assert hash_values(b"0123456789abcdeg", [b"same"]) != [first]


@pytest.mark.parametrize("key", [b"", b"fifteen bytes !"])
def test_nothing_is_hashed_with_a_key_that_can_be_guessed(key):
    with pytest.raises(SettingError, match=rf"{len(key)} bytes .*REFERA_HASH_KEY 16 bytes"):
        hash_values(key, [b"value"])


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param(b"", "REFERA_HASH_KEY is not set", id="no key"),
        pytest.param(b"tooshort", "REFERA_HASH_KEY has 8 bytes, which can be guessed", id="a short key"),
    ],
)
def test_a_table_with_hashed_columns_is_refused_by_name_without_a_key(key, said):
    with pytest.raises(SettingError, match=rf"shop.people declares cpf, email as hashed, and {said}") as error:
        require_hash_key(PEOPLE, key)
    assert "tooshort" not in str(error.value)


def test_a_table_without_hashed_columns_needs_no_key():
    plain = SourceTable(database="shop", name="orders", key=("id",), about="Orders.")
    require_hash_key(plain, b"")
    require_hash_key(PEOPLE, b"0123456789abcdef")
