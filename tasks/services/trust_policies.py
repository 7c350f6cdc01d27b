"""Whether a role's trust policy lets an AWS service take the role on.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

ASSUME_ROLE = "sts:assumerole"


def lets_assume(document: str | Mapping[str, Any], service: str) -> bool:
    """Whether some statement allows it and none denies it.

    Conditions depend on the request, and are taken to hold where they allow and not to hold where they deny.

    Args:
        document: As IAM gives it: JSON, perhaps URL-encoded, or what that says.
        service: The service's principal, such as ``sagemaker.amazonaws.com``.

    Raises:
        ValueError: It is no policy.
    """
    about = [one for one in _statements(document) if _is_about(one, service)]
    denied = any(one.get("Effect") == "Deny" and not one.get("Condition") for one in about)
    return not denied and any(one.get("Effect") == "Allow" for one in about)


def _statements(document: str | Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    policy = json.loads(unquote(document)) if isinstance(document, str) else document
    found = _listed(policy.get("Statement", [])) if isinstance(policy, Mapping) else [None]
    for one in found:
        if not isinstance(one, Mapping):
            raise ValueError(f"this is no policy: {document}")  # noqa: TRY004 - the value is wrong, whatever its type
        yield one


def _is_about(statement: Mapping[str, Any], service: str) -> bool:
    actions = _listed(statement.get("Action", []))
    return _names(statement.get("Principal"), service) and any(_matches(str(one), ASSUME_ROLE) for one in actions)


def _names(principal: Any, service: str) -> bool:
    """A service is named as such; ``*`` alone is everybody."""
    if isinstance(principal, Mapping):
        return service in _listed(principal.get("Service", []))
    return bool(principal == "*")


def _matches(pattern: str, action: str) -> bool:
    expression = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, action) is not None


def _listed(value: Any) -> list[Any]:
    """Policies write a single value without its list."""
    return value if isinstance(value, list) else [value]
