"""Limits on names and tags, SageMaker's own and those of a role, which moto does not check.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html and API_Tag.html there.
"""

import re
from collections.abc import Iterable, Mapping

from infra.sandbox.wire import CALLER, Call, Refused
from tasks.services.endpoints.teardown.sagemaker_resources import LEASE_TAG, PROJECT, PROJECT_TAG

NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
TAG_TEXT = re.compile(r"[\w\s.:/=+\-@]*")
KEY_LENGTH, VALUE_LENGTH, MAX_TAGS = 128, 256, 50


def check(call: Call) -> None:
    """Hold a call that creates or tags something against the limits.

    Raises:
        Refused: Its name or a tag is too long, or holds a character that AWS does not take.
    """
    if call.operation.startswith("Create") and not NAME.fullmatch(call.name):
        kind = call.operation.removeprefix("Create")
        raise _unfit(call.name, f"{kind[0].lower()}{kind[1:]}Name", NAME.pattern)
    tags = call.parameters.get("Tags", ())
    if len(tags) > MAX_TAGS:
        raise _unfit(str(len(tags)), "tags", f"at most {MAX_TAGS}")
    for number, tag in enumerate(tags, 1):
        for member, length in (("Key", KEY_LENGTH), ("Value", VALUE_LENGTH)):
            if len(tag[member]) > length or not TAG_TEXT.fullmatch(tag[member]):
                pattern = f"{TAG_TEXT.pattern}, at most {length} characters"
                raise _unfit(tag[member], f"tags.{number}.member.{member.lower()}", pattern)


def _unfit(value: str, where: str, pattern: str) -> Refused:
    return Refused(
        f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {pattern}"
    )


def check_tagging(call: Call, there: Iterable[Mapping[str, str]]) -> None:
    """Hold a call of AddTags against the stack's role for runs, as its policy in ``infra/aws/template.yaml`` says it.

    A creation brings its tags along. Apart from that only the lease of what carries our tag may be set anew: else
    whoever has the role could make somebody else's endpoint look like ours, and delete it.

    Args:
        call: To be judged.
        there: Tags that the resource carries; none where it does not exist.

    Raises:
        Refused: In AWS's words.
    """
    ours = any((tag["Key"], tag["Value"]) == (PROJECT_TAG, PROJECT) for tag in there)
    if not ours or {tag["Key"] for tag in call.parameters.get("Tags", ())} - {LEASE_TAG}:
        raise Refused(
            f"User: {CALLER} is not authorized to perform: sagemaker:AddTags on resource: {call.name} because no "
            "identity-based policy allows the sagemaker:AddTags action",
            code="AccessDeniedException",
        )
