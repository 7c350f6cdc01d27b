"""How a server of ours is known, and how it knows who may ask: a proof by key, and Prefect's basic authentication.

Whoever is first to listen on a port gets what is sent there. So a client asks a server to prove that it has the key of
this user before it sends anything else: HMAC-SHA256 (RFC 2104) of a nonce and of the address that is asked, for else
another server could hand the question on to the right one. The key itself is never sent.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

# A nonce, a proof, a token: none is longer.
PROOF_PATH, LONGEST_BYTES = "/flood-extent/proof", 128
USER = "flood-extent"
# What a server of ours reads; Prefect's own name for the one that its API and its pages ask for.
AUTH_VARIABLE, KEY_VARIABLE = "PREFECT_SERVER_API_AUTH_STRING", "FLOOD_EXTENT_SERVER_KEY"
ADDRESS_VARIABLE = "FLOOD_EXTENT_SERVER_ADDRESS"


def new_auth_string() -> str:
    """A name and a password of 256 random bits, in a form that redaction knows (tasks/core/redaction.py)."""
    return f"{USER}:{secrets.token_urlsafe(32)}"


@dataclass(frozen=True)
class Access:
    """What a server of ours and its clients share; nobody else may read it.

    Attributes:
        auth_string: ``NAME:PASSWORD`` that the API asks for.
        key: By which the server proves that it is ours.
    """

    auth_string: str = field(repr=False)
    key: str = field(repr=False)

    @classmethod
    def of_one_run(cls) -> "Access":
        """Known to this process and its children alone."""
        return cls(new_auth_string(), secrets.token_urlsafe(32))

    def variables(self, address: str) -> dict[str, str]:
        """The environment by which a server at this address learns it: a command line can be read by everybody."""
        return {AUTH_VARIABLE: self.auth_string, KEY_VARIABLE: self.key, ADDRESS_VARIABLE: address}


def token(auth_string: str) -> str:
    """The credentials as an Authorization header has them, and as Prefect's pages keep them."""
    return base64.b64encode(auth_string.encode()).decode()


def authorization(auth_string: str) -> dict[str, str]:
    """The header that Prefect's API asks for."""
    return {"Authorization": f"Basic {token(auth_string)}"}


def is_authorized(header: str, auth_string: str) -> bool:
    """Whether an Authorization header carries these credentials, in constant time."""
    return hmac.compare_digest(header.encode(), authorization(auth_string)["Authorization"].encode())


def proof(key: str, address: str, nonce: str) -> str:
    """What the server at this address answers if it has the key."""
    return hmac.new(key.encode(), f"flood-extent server\n{address}\n{nonce}".encode(), sha256).hexdigest()
