"""Texts of every character set as UTF-8, by the server's own tables: Python's differ from them here and there.

collation number ──▶ Charsets.of() ──▶ Charset.utf8(bytes)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from refera_platform.errors import SourceError
from refera_platform.source.types import backticked, mysql_literal

BINARY = 63
"""Number of the collation of bytes."""
AS_THEY_ARE = frozenset({"utf8mb4", "utf8mb3", "utf8", "ascii"})
UNICODE = {"utf16": "utf-16-be", "utf16le": "utf-16-le", "utf32": "utf-32-be", "ucs2": "utf-16-be"}
"""Python's names of what are no tables."""
UNASKED = {"gb18030": "gb18030"}
"""Python's names of sets with too many characters to ask for."""
ASKED_AT_ONCE = 2_000
A = b"A".hex()
SHIFT, EUC = 0x8F, range(0xA1, 0xFF)
"""First byte of three, and what may follow it, in the sets that have such: both are EUC's."""
UNKNOWN = b"?"
"""What the server makes of bytes that are no character."""
Ask = Callable[[str], list[tuple[Any, ...]]]


class Charset:
    """One character set."""

    def __init__(
        self, name: str, *, codec: str = "", table: Mapping[bytes, bytes] | None = None, widest: int = 1
    ) -> None:
        """Describe it.

        Args:
            name: The server's name.
            codec: Python's name, when it needs no table.
            table: UTF-8 by the bytes of a character.
            widest: Bytes of the longest character in the table.
        """
        self.name = name
        self._codec = codec
        self._table = table or {}
        self._sizes = range(1, widest + 1)
        self._holds_ascii = bool(table) and all(self._table.get(bytes([byte])) == bytes([byte]) for byte in range(128))

    @property
    def is_utf8(self) -> bool:
        """Whether bytes are UTF-8 as they are."""
        return self.name in AS_THEY_ARE

    def utf8(self, text: bytes) -> bytes:
        """A text of this set as UTF-8."""
        if self.is_utf8 or (self._holds_ascii and text.isascii()):
            return text
        if not self._codec:
            return b"".join(self._characters(text))
        try:
            # half a pair, which ucs2 can hold, stays one: it is refused like the one that a snapshot reads
            return text.decode(self._codec, "surrogatepass").encode(errors="surrogatepass")
        except UnicodeDecodeError:
            raise SourceError(
                f"A text holds bytes that are not {self.name}:",
                "mend the row at the source, or mark the column private.",
            ) from None

    def _characters(self, text: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(text):
            for size in self._sizes:
                if found := self._table.get(text[at : at + size]):
                    yield found
                    at += size
                    break
            else:
                yield UNKNOWN
                at += 1


class Charsets:
    """The character sets of one server, asked for when they are met."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._names: dict[int, str] = {}
        self._sets: dict[str, Charset] = {}

    def of(self, collation: int) -> Charset:
        """The character set of a collation.

        Raises:
            SourceError: for a number that the server does not know.
        """
        if not self._names:
            self._names = self._collations()
        if collation not in self._names:
            raise SourceError(
                f"The log has a text of collation {collation}, which the server does not know:",
                "convert the column to utf8mb4, then `refera resnapshot` its table.",
            )
        return self.named(self._names[collation])

    def named(self, name: str) -> Charset:
        """The character set of a name."""
        if name not in self._sets:
            self._sets[name] = self._made(name)
        return self._sets[name]

    def _collations(self) -> dict[int, str]:
        found = self._ask("select id, character_set_name from information_schema.collations")
        known = {int(number): str(name) for number, name in found if number and name}
        columns = self._ask(
            "select count(*) from information_schema.columns where table_schema = 'information_schema'"
            " and table_name = 'COLLATION_CHARACTER_SET_APPLICABILITY' and column_name = 'ID'"
        )
        if columns[0][0]:  # MariaDB's newer collations belong to several sets and are numbered here
            more = self._ask(
                "select id, character_set_name from information_schema.collation_character_set_applicability"
            )
            known |= {int(number): str(name) for number, name in more if number and name}
        return known

    def _made(self, name: str) -> Charset:
        if name in AS_THEY_ARE:
            return Charset(name)
        if codec := UNICODE.get(name, "") or UNASKED.get(name, ""):
            return Charset(name, codec=codec)
        found = self._ask(
            f"select maxlen from information_schema.character_sets where character_set_name = {mysql_literal(name)}"
        )
        widest = int(found[0][0]) if found else 1
        table = self._answered(name, [bytes([byte]) for byte in range(256)])
        if widest > 1:
            leads = [byte for byte in range(256) if bytes([byte]) not in table]
            table |= self._answered(name, [bytes([lead, byte]) for lead in leads for byte in range(256)])
        if widest > 2:
            table |= self._answered(name, [bytes([SHIFT, second, third]) for second in EUC for third in EUC])
        return Charset(name, table=table, widest=widest)

    def _answered(self, name: str, codes: Sequence[bytes]) -> dict[bytes, bytes]:
        """UTF-8 of those codes that are one character."""
        found = {}
        for start in range(0, len(codes), ASKED_AT_ONCE):
            some = codes[start : start + ASKED_AT_ONCE]
            # with an A behind it, a code that is only the beginning of a character is told from a whole one
            asked = ", ".join(
                f"convert(convert(x'{code.hex()}{A}' using {backticked(name)}) using utf8mb4)" for code in some
            )
            for code, answer in zip(some, self._ask(f"select {asked}")[0], strict=True):
                text = str(answer or "")
                if len(text) == 2 and text[1] == "A" and (text[0] != "?" or len(code) > 1 or code == UNKNOWN):
                    found[code] = text[0].encode()
        return found
