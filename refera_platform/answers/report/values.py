"""Values of the page: exact numbers as JSON, and quotients without floats, as DuckDB divides decimals as floats."""

import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from refera_platform.project.report_declarations import Quotient

MAX_TEXT_CHARACTERS = 160
"""Longest text in the page, so that it stays small whatever the source allows."""
MAX_EXACT_JSON_INTEGER = 2**53
MAX_DIGITS = 120
"""Digits of an exact quotient; DuckDB's numbers have up to 39."""


def to_json_value(value: Any) -> Any:
    """A value as JSON, without losing a digit; what JSON does not have is text, and no number is missing."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(value) if abs(value) >= MAX_EXACT_JSON_INTEGER else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return f"{value:f}"
    text = value.isoformat() if isinstance(value, datetime | date) else str(value)
    return text if len(text) <= MAX_TEXT_CHARACTERS else text[: MAX_TEXT_CHARACTERS - 1] + "…"


def divide(quotient: Quotient, values: Mapping[str, Any]) -> Decimal | None:
    """A quotient of two of the values, rounded half up; ``None`` when the divisor is 0 or missing."""
    dividend, divisor = _exact(values.get(quotient.of)), _exact(values.get(quotient.by))
    if dividend is None or not divisor:
        return None
    with localcontext(prec=MAX_DIGITS):
        exact = quotient.times * dividend / divisor
        return exact.quantize(Decimal(1).scaleb(-quotient.digits), ROUND_HALF_UP)


def _exact(value: Any) -> Decimal | None:
    is_number = isinstance(value, int | float | Decimal) and math.isfinite(value)
    return Decimal(value) if is_number else None
