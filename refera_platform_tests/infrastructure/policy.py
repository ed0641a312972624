"""Whether policies allow a call, as IAM decides it: refused unless something allows it and nothing refuses it.

No library of the index evaluates policies with conditions (moto takes an unmet condition of an Allow for a refusal), so
this holds the part of IAM's logic that our policies use, and knows no operator that they do not.
"""

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

Statement = Mapping[str, Any]
Policy = Mapping[str, Any]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _like(pattern: str, value: str) -> bool:
    """IAM's wildcards: * and ?, and no others."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


OPERATORS: Mapping[str, Any] = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringLike": _like,
    "ArnLike": _like,
    "ArnEquals": _like,
    "Bool": lambda wanted, found: wanted == found,
    "NumericLessThan": lambda wanted, found: float(found) < float(wanted),
}


def _concerns(statement: Statement, action: str, resource: str, context: Mapping[str, str]) -> bool:
    if not any(_like(each.lower(), action.lower()) for each in _listed(statement["Action"])):
        return False
    if not any(_like(each, resource) for each in _listed(statement["Resource"])):
        return False
    return all(
        key in context and any(OPERATORS[operator](wanted, context[key]) for wanted in _listed(values))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def allows(policies: Iterable[Policy], action: str, resource: str, **context: str) -> bool:
    """Whether a call is allowed.

    Args:
        policies: Of the role.
        action: Like ``s3:PutObject``.
        resource: Its ARN.
        context: Values of the call that conditions ask for; ``:`` of a key is written ``__``.
    """
    told = {name.replace("__", ":"): value for name, value in context.items()}
    found = [
        each["Effect"] for policy in policies for each in policy["Statement"] if _concerns(each, action, resource, told)
    ]
    return "Allow" in found and "Deny" not in found
