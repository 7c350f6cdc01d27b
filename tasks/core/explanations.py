"""What a failed tile says: first to the analyst who has to act, then to whoever looks for the cause."""

from collections.abc import Iterator

from tasks.core.errors import FloodExtentError
from tasks.core.redaction import redact

CAUSE = "Technical cause: "


def is_unexpected(error: BaseException | None) -> bool:
    """Whether it is none of our own errors, which say themselves what is wrong."""
    return not isinstance(error, FloodExtentError)


def in_plain_words(error: BaseException | None, tile_uri: str, otherwise: str = "no answer") -> str:
    """What was wrong, for a person: our own errors say it; of others, their kind and where to look.

    Args:
        error: What ended the tile's task; None where it left none.
        tile_uri: The image.
        otherwise: What is known instead of an error.
    """
    if isinstance(error, FloodExtentError):
        return str(error)
    reason = f"{type(error).__name__}: {error}" if error else otherwise
    return str(redact(f"{tile_uri}: unexpected: {reason}. The run's log has the details"))


def explained(error: BaseException) -> str:
    """The technical cause: the kind of the error, and from which others it came, in their own words."""
    kinds = [type(error).__name__, *(f"{type(cause).__name__}: {cause}" for cause in _causes(error))]
    return str(redact(f"{CAUSE}{' <- '.join(' '.join(kind.split()) for kind in kinds)}"))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
