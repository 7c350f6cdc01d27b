"""SageMaker's limits on names and tags, which moto does not check.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html and API_Tag.html there.
"""

import re

from infra.sandbox.wire import Call, Refused

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
