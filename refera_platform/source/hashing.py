"""Keyed hashes of private values: equal values have equal hashes, and without the key nobody can test a guess."""

import hashlib
from collections.abc import Sequence

from refera_platform.errors import SettingError
from refera_platform.settings.stage import MIN_HASH_KEY_BYTES
from refera_platform.source.table import SourceTable

BLOCK_BYTES = 64
"""Block size of SHA-256, in bytes."""
INNER_PAD, OUTER_PAD = 0x36, 0x5C
"""Pad bytes of HMAC (RFC 2104), mixed into the key."""


def require_hash_key(table: SourceTable, key: bytes) -> None:
    """Stop before anything is read when a table has hashed columns and the hash key is missing or too short.

    Raises:
        SettingError: naming the table, its columns and the setting.
    """
    if not table.hashed or len(key) >= MIN_HASH_KEY_BYTES:
        return
    state = f"has {len(key)} bytes, which can be guessed" if key else "is not set"
    raise SettingError(
        f"{table.address} declares {', '.join(sorted(table.hashed))} as hashed, and REFERA_HASH_KEY {state}:",
        f"give it a secret of {MIN_HASH_KEY_BYTES} bytes or more, like the output of `openssl rand -hex 32`, and never"
        " change it.",
    )


def hash_values(key: bytes, values: Sequence[bytes | None]) -> list[bytes | None]:
    """HMAC-SHA256 of each value as hexadecimal text; NULL stays NULL.

    The two keyed states are made once and copied: 1.4 million values a second, against 0.56 with ``hmac.digest``.

    Args:
        key: ``REFERA_HASH_KEY``.
        values: Text as UTF-8, binary as it is, integers as decimal digits.

    Raises:
        SettingError: for a key so short that it could be guessed.
    """
    if len(key) < MIN_HASH_KEY_BYTES:
        raise SettingError(
            f"A hash key of {len(key)} bytes hides nothing:",
            f"give REFERA_HASH_KEY {MIN_HASH_KEY_BYTES} bytes or more.",
        )
    padded_key = (key if len(key) <= BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(BLOCK_BYTES, b"\0")
    inner = hashlib.sha256(bytes(byte ^ INNER_PAD for byte in padded_key))
    outer = hashlib.sha256(bytes(byte ^ OUTER_PAD for byte in padded_key))
    hashes: list[bytes | None] = []
    for value in values:
        if value is None:
            hashes.append(None)
            continue
        first, second = inner.copy(), outer.copy()
        first.update(value)
        second.update(first.digest())
        hashes.append(second.hexdigest().encode())
    return hashes
