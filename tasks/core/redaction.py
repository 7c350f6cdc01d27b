"""Keeps credentials out of what is written for people: of URIs, of AWS's requests, and what is named a secret.

Errors of AWS quote whole requests: a signature that does not match comes with the canonical request, session token and
all. So text is searched by form, not only values by their names.
"""

import re
from itertools import pairwise
from typing import Any

HIDDEN = "***"
# user:password@ in a URI. Secrets of AWS hold slashes, so after a colon that starts no port everything up to @ goes.
USERINFO = re.compile(r"(?<=://)(?:[^\s/@:]+:(?!\d+(?:/|$))[^\s@]*|[^\s/@]+)@")
SECRET_QUERY = re.compile(
    r"(?i)([?&](?:x-amz-(?:signature|credential|security-token)|[\w-]*(?:token|secret|password|signature|sig|key))=)[^&\s]+"
)
# A header with its scheme, up to the end of the line or of the quotes around it.
AUTHORIZATION = re.compile(r"""(?i)(\bauthorization\W{1,6})(?:aws4?|basic|bearer|digest)\b[^\r\n"'<>]+""")
# name=value, "name": "value", name:value, <name>value. After a colon prose may follow, and its words are shorter.
# What a shell would put in its place, such as $(cat FILE), is no secret.
NO_SHELL = r"(?! \$ (?: \(cat\s | (?-i:[A-Z]+(?:_[A-Z]+)+)[\"'] ) )"
SECRET_VALUE = re.compile(
    rf"""(?ix) ( \b [\w-]* (?:secret|token|password|credential|signature|auth_?string) [\w-]* [\\"']* \s* )
    ( =>? \s* b?[\\"']* {NO_SHELL} (?=[^\s"'<>,;&\\]) | [:>] \s* b?[\\"']* (?=[^\s"'<>,;&\\]{{16}}) ) [^\s"'<>,;&\\]+"""
)
# Of our own Prefect servers (deployments/server_access.py): as it is, and in base64 as a header has it.
SERVER_PASSWORD = re.compile(r"\bflood-extent:[\w-]{43}|\bZmxvb2QtZXh0ZW50O[A-Za-z0-9+/]{40,}={0,2}")
ACCESS_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")
SESSION_TOKEN = re.compile(r"\b(?:IQoJ|FwoG|FQoG|AQoD)[A-Za-z0-9+/=%]{40,}")
# A secret access key has 40 characters, other keys and tokens in base64 more; a path may have as many.
LONE_SECRET = re.compile(r"(?<![\w/+=.~%-])(?!//)(?:[A-Za-z0-9/+]{40}|[A-Za-z0-9/+]{100,}={0,2})(?![\w/+=~%-]|\.\w)")
# Share of neighbours of different kinds (capital, small, digit, other). Measured: 0.4 or more in 99.8 % of random keys
# of 40 characters, under 0.37 in every path of that length among 3.6 million; hashes in hex have small letters alone.
RANDOM_FROM = 0.4
SECRET_NAME = re.compile(r"(?i)password|secret|token|credential|authorization|signature")


def redact(value: Any) -> Any:
    """A copy of JSON-like values without credentials in texts, and without the text of values named like secrets."""
    if isinstance(value, str):
        return _redacted(value)
    if isinstance(value, dict):
        return {
            key: HIDDEN if SECRET_NAME.search(str(key)) and isinstance(item, str) else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def _redacted(text: str) -> str:
    text = SERVER_PASSWORD.sub(HIDDEN, AUTHORIZATION.sub(rf"\g<1>{HIDDEN}", USERINFO.sub("", text)))
    text = SECRET_VALUE.sub(rf"\g<1>\g<2>{HIDDEN}", SECRET_QUERY.sub(rf"\g<1>{HIDDEN}", text))
    text = SESSION_TOKEN.sub(HIDDEN, ACCESS_KEY_ID.sub(HIDDEN, text))
    return LONE_SECRET.sub(lambda found: HIDDEN if _is_random(found[0]) else found[0], text)


def _is_random(text: str) -> bool:
    kinds = [(one.isupper(), one.islower(), one.isdigit()) for one in text]
    if not any(one[0] for one in kinds) or not any(one[1] for one in kinds):
        return False
    changes = sum(one != other for one, other in pairwise(kinds))
    return changes >= RANDOM_FROM * (len(kinds) - 1)
