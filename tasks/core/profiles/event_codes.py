"""How file names of Copernicus EMS spell an event."""

import re
import unicodedata

from tasks.core.errors import UnusableArgument

EVENT_CHARACTERS = 60


def event_code(event_id: str | None) -> str:
    """The event's id as file names have it: letters and digits of ASCII and ``-``, which tells it from what follows.

    Raises:
        UnusableArgument: There is none.
    """
    plain = unicodedata.normalize("NFKD", event_id or "").encode("ascii", "ignore").decode()
    code = re.sub("[^A-Za-z0-9]+", "-", plain)[:EVENT_CHARACTERS].strip("-")
    if not code:
        raise UnusableArgument(
            f"`event_id` {event_id!r}: `profile` cems names its files after it. Give one with letters or digits of "
            "ASCII, such as EMSR692"
        )
    return code
