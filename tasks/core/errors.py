"""What can go wrong, as a small tree: the split that matters is whether a retry will help.

Every message names the file, carries the offending value and says what to do about it.
"""

from tasks.core.redaction import redact


class FloodExtentError(Exception):
    """The root: something that a person should read. Its text is shown without a traceback, and without credentials.

    Other programs' words are quoted in it, and AWS quotes whole requests.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(redact(text))


class TransientError(FloodExtentError):
    """It may well work in a moment: tasks retry this, and only this."""


class FinalError(FloodExtentError):
    """It will fail the same way again until somebody changes something."""


class UnusableArgument(FinalError):
    """A parameter, dataset or output that a run cannot start with."""


class DatasetNotFound(UnusableArgument):
    """The dataset does not exist or cannot be read."""


class EmptyDataset(UnusableArgument):
    """The dataset holds no JPEG2000 image."""


class OutputRefused(UnusableArgument):
    """The output cannot be written, belongs to another dataset, or another run is writing it."""


class StorageUnavailable(TransientError):
    """Storage answered with an error that may pass."""


class StorageFull(FinalError):
    """No space is left where the file was to be written."""


class ObjectMissing(FinalError):
    """A file or object that should be there is not."""


class RecordMismatch(FinalError):
    """A file of the work directory is not the one that was written for the tile.

    Attributes:
        uri: Of the file.
        finding: Which file, and what it is.
    """

    def __init__(self, uri: str, what: str) -> None:
        self.uri = uri
        self.finding = str(redact(f"{uri}: {what}"))
        self._arguments = (uri, what)
        super().__init__(f"{self.finding}. Run again: what does not fit is computed anew")

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuilt from both arguments where another process has raised it."""
        return type(self), self._arguments


class ChangedSinceListed(FinalError):
    """A file or object is not what it was when the run listed it."""


class UnreadableImage(FinalError):
    """The image cannot be decoded."""


class NotJpeg2000(UnreadableImage):
    """The file is not JPEG2000, whatever its name says."""


class CutShort(UnreadableImage):
    """The file ends before its own structure says so."""


class DecodingEnded(UnreadableImage):
    """The decoder ended over the image, or took too long: for the image's sake, or for want of memory or time."""


class TooLarge(UnreadableImage):
    """The image declares more pixels than the limit."""


class NotNrg(UnreadableImage):
    """The bands are not 8-bit near infrared, red, green, with or without alpha."""


class NoGeoreference(UnreadableImage):
    """CRS or transform is missing or unusable."""


class CrsConflict(NoGeoreference):
    """The CRS to assign differs from the tile's own in more than the datum."""


class WrongMask(FinalError):
    """The endpoint's answer is not a label mask of the image that was sent."""


class WrongMaskFormat(WrongMask):
    """The endpoint answers in a form that is no label mask: it will to every image, until the model is mended."""


class EndpointUnavailable(TransientError):
    """The endpoint did not answer, or answered that it cannot just now."""


class EndpointRefused(FinalError):
    """The endpoint, or its deployment, refused for good."""


class EndpointGone(EndpointRefused):
    """The endpoint is not there any more."""
