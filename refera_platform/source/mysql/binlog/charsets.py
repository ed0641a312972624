"""Character sets of a server: decoders of text to UTF-8, built from the server's own tables.

Python's codecs differ from the server's tables in some characters.

    collation id ──▶ Charsets.by_collation() ──▶ Charset.to_utf8(bytes)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from refera_platform.errors import SourceError
from refera_platform.source.types import backticked, mysql_literal

BINARY_COLLATION = 63
"""Collation id of binary values."""
UTF8_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "ascii"})
PYTHON_UNICODE_CODECS = {"utf16": "utf-16-be", "utf16le": "utf-16-le", "utf32": "utf-32-be", "ucs2": "utf-16-be"}
"""Python codecs of the Unicode encodings, which need no table."""
PYTHON_LARGE_CODECS = {"gb18030": "gb18030"}
"""Python codecs of character sets that are too large to query."""
MAX_CHARACTERS_PER_QUERY = 2_000
SENTINEL_HEX = b"A".hex()
EUC_SHIFT_BYTE, EUC_TRAIL_BYTES = 0x8F, range(0xA1, 0xFF)
"""First byte of a three-byte character, and the values of the next two; the three-byte character sets are all EUC."""
UNKNOWN_CHARACTER = b"?"
"""What the server converts invalid bytes to."""
Ask = Callable[[str], list[tuple[Any, ...]]]


class Charset:
    """One character set."""

    def __init__(
        self, name: str, *, codec: str = "", table: Mapping[bytes, bytes] | None = None, max_bytes: int = 1
    ) -> None:
        """Take a Python codec or a conversion table.

        Args:
            name: The server's name of it.
            codec: Python's name of it, when it needs no table.
            table: UTF-8 by the bytes of a character.
            max_bytes: Bytes of the longest character in the table.
        """
        self.name = name
        self._codec = codec
        self._table = table or {}
        self._sizes = range(1, max_bytes + 1)
        self._is_ascii_superset = bool(table) and all(
            self._table.get(bytes([byte])) == bytes([byte]) for byte in range(128)
        )

    @property
    def is_utf8(self) -> bool:
        """Whether its bytes are UTF-8 already."""
        return self.name in UTF8_CHARSETS

    def to_utf8(self, text: bytes) -> bytes:
        """Convert a text of this character set to UTF-8."""
        if self.is_utf8 or (self._is_ascii_superset and text.isascii()):
            return text
        if not self._codec:
            return b"".join(self._characters(text))
        try:
            # ucs2 may hold half a surrogate pair: keep it, so that it is refused later, as a snapshot refuses it
            return text.decode(self._codec, "surrogatepass").encode(errors="surrogatepass")
        except UnicodeDecodeError:
            raise SourceError(
                f"A text holds bytes that are not {self.name}:",
                "correct the row at the source, or mark the column private.",
            ) from None

    def _characters(self, text: bytes) -> Iterator[bytes]:
        offset = 0
        while offset < len(text):
            for size in self._sizes:
                if character := self._table.get(text[offset : offset + size]):
                    yield character
                    offset += size
                    break
            else:
                yield UNKNOWN_CHARACTER
                offset += 1


class Charsets:
    """The character sets of one server, each loaded when it is first needed."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._names: dict[int, str] = {}
        self._sets: dict[str, Charset] = {}

    def by_collation(self, collation: int) -> Charset:
        """The character set of a collation.

        Raises:
            SourceError: for an id that the server does not know.
        """
        if not self._names:
            self._names = self._load_collations()
        if collation not in self._names:
            raise SourceError(
                f"The binlog has a text of collation {collation}, which the server does not know:",
                "convert the column to utf8mb4, then `refera resnapshot` its table.",
            )
        return self.by_name(self._names[collation])

    def by_name(self, name: str) -> Charset:
        """The character set of a name."""
        if name not in self._sets:
            self._sets[name] = self._load_charset(name)
        return self._sets[name]

    def _load_collations(self) -> dict[int, str]:
        rows = self._ask("select id, character_set_name from information_schema.collations")
        names = {int(number): str(name) for number, name in rows if number and name}
        columns = self._ask(
            "select count(*) from information_schema.columns where table_schema = 'information_schema'"
            " and table_name = 'COLLATION_CHARACTER_SET_APPLICABILITY' and column_name = 'ID'"
        )
        if columns[0][0]:  # MariaDB's newer collations belong to several character sets; their ids are here
            more_rows = self._ask(
                "select id, character_set_name from information_schema.collation_character_set_applicability"
            )
            names |= {int(number): str(name) for number, name in more_rows if number and name}
        return names

    def _load_charset(self, name: str) -> Charset:
        if name in UTF8_CHARSETS:
            return Charset(name)
        if codec := PYTHON_UNICODE_CODECS.get(name, "") or PYTHON_LARGE_CODECS.get(name, ""):
            return Charset(name, codec=codec)
        rows = self._ask(
            f"select maxlen from information_schema.character_sets where character_set_name = {mysql_literal(name)}"
        )
        max_bytes = int(rows[0][0]) if rows else 1
        table = self._utf8_by_code(name, [bytes([byte]) for byte in range(256)])
        if max_bytes > 1:
            leads = [byte for byte in range(256) if bytes([byte]) not in table]
            table |= self._utf8_by_code(name, [bytes([lead, byte]) for lead in leads for byte in range(256)])
        if max_bytes > 2:
            table |= self._utf8_by_code(
                name,
                [bytes([EUC_SHIFT_BYTE, second, third]) for second in EUC_TRAIL_BYTES for third in EUC_TRAIL_BYTES],
            )
        return Charset(name, table=table, max_bytes=max_bytes)

    def _utf8_by_code(self, name: str, codes: Sequence[bytes]) -> dict[bytes, bytes]:
        """UTF-8 of those codes that are one whole character."""
        utf8_by_code = {}
        for start in range(0, len(codes), MAX_CHARACTERS_PER_QUERY):
            batch = codes[start : start + MAX_CHARACTERS_PER_QUERY]
            # a sentinel letter behind the code: it disappears when the code is only the beginning of a character
            expressions = ", ".join(
                f"convert(convert(x'{code.hex()}{SENTINEL_HEX}' using {backticked(name)}) using utf8mb4)"
                for code in batch
            )
            for code, answer in zip(batch, self._ask(f"select {expressions}")[0], strict=True):
                text = str(answer or "")
                if len(text) == 2 and text[1] == "A" and (text[0] != "?" or len(code) > 1 or code == UNKNOWN_CHARACTER):
                    utf8_by_code[code] = text[0].encode()
        return utf8_by_code
