"""Arrow arrays from Python and numpy values, which DuckDB scans without a copy; without pyarrow's 170 MB.

numpy and bytes make the buffers, nanoarrow wraps them; a batch must outlive its registration in DuckDB.
(Arrow's string views would save a copy, but nanoarrow 0.9 crashes when it builds them from buffers.)

    lists, numpy arrays ──▶ text_array(), binary_array(), number_array() ──▶ ArrowBatch ──▶ connection.register()
"""

from collections.abc import Mapping, Sequence
from typing import Any

import nanoarrow as na
import numpy as np
import numpy.typing as npt

from refera_platform.errors import SourceError

Array = Any
"""A nanoarrow ``CArray``; nanoarrow has no type stubs."""
Data = bytes | npt.NDArray[np.uint8]
Validity = npt.NDArray[np.bool_] | None
MAX_SHOWN_BYTES = 8
"""Bytes of an invalid text that an error shows."""


class ArrowBatch:
    """A batch of rows; every scan gets its own stream."""

    def __init__(self, columns: Mapping[str, Array], length: int) -> None:
        schema = na.struct({name: na.Schema(array.schema) for name, array in columns.items()})
        self._array = na.c_array_from_buffers(schema, length, [None], children=list(columns.values()))
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __arrow_c_schema__(self) -> Any:
        return self._array.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return na.c_array_stream(self._array).__arrow_c_stream__(requested_schema)


def text_array(values: Sequence[bytes | None], name: str = "A text") -> Array:
    """UTF-8 texts; ``name`` is what an error calls them.

    Raises:
        SourceError: for bytes that are not UTF-8.
    """
    return joined_text_array(*_joined(values), name=name)


def binary_array(values: Sequence[bytes | None]) -> Array:
    """Binary values."""
    return joined_binary_array(*_joined(values))


def joined_text_array(
    data: Data, lengths: npt.NDArray[np.int64], valid: Validity = None, *, name: str = "A text"
) -> Array:
    """UTF-8 texts, concatenated in ``data``; a NULL has no bytes.

    Raises:
        SourceError: for bytes that are not UTF-8.
    """
    offsets = _offsets(lengths)
    _require_utf8(data, offsets, name)
    return _variable_width_array(na.large_string(), data, offsets, valid)


def joined_binary_array(data: Data, lengths: npt.NDArray[np.int64], valid: Validity = None) -> Array:
    """Binary values, concatenated in ``data``; a NULL has no bytes."""
    return _variable_width_array(na.large_binary(), data, _offsets(lengths), valid)


def number_array(values: npt.NDArray[Any], valid: Validity = None, kind: Any = None) -> Array:
    """Integers or floats, or what Arrow stores as such (``kind``: dates, timestamps)."""
    kind = kind or getattr(na, str(values.dtype))()
    return na.c_array_from_buffers(
        kind, len(values), [_validity_bitmap(valid), np.ascontiguousarray(values)], null_count=_null_count(valid)
    )


def validity_of(values: Sequence[object]) -> Validity:
    """Which values are not NULL; ``None`` when none is NULL."""
    if None not in values:
        return None
    return np.fromiter((value is not None for value in values), dtype=np.bool_, count=len(values))


def _joined(values: Sequence[bytes | None]) -> tuple[bytes, npt.NDArray[np.int64], Validity]:
    valid = validity_of(values)
    present: Sequence[bytes] = [value or b"" for value in values] if valid is not None else values  # type: ignore[assignment]
    lengths = np.fromiter(map(len, present), dtype=np.int64, count=len(present))
    return b"".join(present), lengths, valid


def _offsets(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _require_utf8(data: Data, offsets: npt.NDArray[np.int64], name: str) -> None:
    """DuckDB does not check the text it is given, so it is checked here."""
    raw = np.frombuffer(data, dtype=np.uint8)
    if not len(raw) or raw.max() < 0x80:
        return
    invalid_offset = -1
    try:
        bytes(data).decode()  # all at once
    except UnicodeDecodeError as error:
        invalid_offset = error.start
    starts = offsets[:-1][offsets[:-1] < offsets[1:]]
    torn_starts = starts[raw[starts] & 0xC0 == 0x80]  # a value that begins inside a character
    if invalid_offset < 0 and len(torn_starts):
        invalid_offset = int(torn_starts[0])
    if invalid_offset >= 0:
        raise SourceError(
            f"{name} holds bytes that are not valid text"
            f" ({bytes(raw[invalid_offset : invalid_offset + MAX_SHOWN_BYTES])!r}):",
            "correct the row at the source, or mark the column private.",
            public_problem=f"{name} holds bytes that are not valid text:",
        )


def _variable_width_array(kind: Any, data: Data, offsets: npt.NDArray[np.int64], valid: Validity) -> Array:
    return na.c_array_from_buffers(
        kind, len(offsets) - 1, [_validity_bitmap(valid), offsets, data], null_count=_null_count(valid)
    )


def _validity_bitmap(valid: Validity) -> Any:
    return None if valid is None else np.packbits(valid, bitorder="little")


def _null_count(valid: Validity) -> int:
    return 0 if valid is None else int(len(valid) - np.count_nonzero(valid))
