"""Asks IAM policies what they allow, as IAM would: statements, wildcards, and the conditions that the template uses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def as_list(value: Any) -> list[Any]:
    """Policies write a single value without its list."""
    return value if isinstance(value, list) else [value]


def like(pattern: str, value: str) -> bool:
    """IAM's wildcards: ``*`` and ``?``, nothing else."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value) is not None


COMPARISONS = {"StringEquals": str.__eq__, "StringLike": like, "ArnEquals": like, "ArnLike": like, "Bool": str.__eq__}


def holds(operator: str, wanted: Any, values: list[str] | None) -> bool:
    """One condition of a statement; ``values`` is what the request says of its key, None where it says nothing."""
    every = operator.startswith("ForAllValues:")
    compare = COMPARISONS[operator.removeprefix("ForAllValues:").removesuffix("IfExists")]
    if values is None:
        return every or operator.endswith("IfExists")
    return (all if every else any)(any(compare(one, value) for one in as_list(wanted)) for value in values)


@dataclass(frozen=True)
class Policies:
    """Statements of a role as deployed, to be asked as IAM would be."""

    statements: list[dict[str, Any]]

    def allow(self, action: str, resource: str, context: Mapping[str, Any] | None = None) -> bool:
        """Whether some statement allows it and none denies it; ``context`` has the request's condition keys."""
        effects = {one["Effect"] for one in self.statements if _applies(one, action, resource, context or {})}
        return effects == {"Allow"}


@dataclass
class Account:
    """Resources with their tags, and what a role may do to them: each request has the condition keys that AWS gives it.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html

    Attributes:
        role: What is allowed.
        tags: Of what exists, by ARN.
    """

    role: Policies
    tags: dict[str, dict[str, str]]

    def create(self, operation: str, arn: str, tags: Mapping[str, str]) -> bool:
        """Create something with tags, which takes the right to both; whether it was allowed. What exists stays."""
        request = self._request(arn, tags)
        allowed = self.role.allow(f"sagemaker:{operation}", arn, request) and self.role.allow(
            "sagemaker:AddTags", arn, {**request, "sagemaker:TaggingAction": operation}
        )
        if allowed:
            self.tags.setdefault(arn, dict(tags))
        return allowed

    def add_tags(self, arn: str, tags: Mapping[str, str]) -> bool:
        """Tag what exists, or does not; whether it was allowed."""
        allowed = self.role.allow("sagemaker:AddTags", arn, self._request(arn, tags))
        if allowed:
            self.tags[arn].update(tags)
        return allowed

    def delete(self, operation: str, arn: str) -> bool:
        """Whether it was allowed."""
        allowed = self.role.allow(f"sagemaker:{operation}", arn, self._request(arn, {}))
        if allowed:
            del self.tags[arn]
        return allowed

    def _request(self, arn: str, tags: Mapping[str, str]) -> dict[str, Any]:
        there = {f"aws:ResourceTag/{key}": value for key, value in self.tags.get(arn, {}).items()}
        given = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        return {**there, **given, **({"aws:TagKeys": list(tags)} if tags else {})}


def _applies(statement: dict[str, Any], action: str, resource: str, context: Mapping[str, Any]) -> bool:
    conditions = [
        (operator, wanted, None if key not in context else as_list(context[key]))
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    ]
    return (
        any(like(pattern, action) for pattern in as_list(statement["Action"]))
        and any(like(pattern, resource) for pattern in as_list(statement["Resource"]))
        and all(holds(*condition) for condition in conditions)
    )
