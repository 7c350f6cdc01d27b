"""What a failed tile says to the analyst, and to whoever looks for the cause."""

from tasks.core.errors import CutShort
from tasks.core.explanations import explained, in_plain_words

URI = "s3://frames/a.jp2"


def chained() -> CutShort:
    error = CutShort(f"{URI}: cut short. Fetch it again")
    error.__cause__ = OSError("read 3 of 9 bytes")
    return error


def test_our_errors_speak_for_themselves_and_name_their_cause() -> None:
    """An analyst reads what to do, without names of classes; below, an engineer reads where it came from."""
    assert in_plain_words(chained(), URI) == f"{URI}: cut short. Fetch it again"
    assert explained(chained()) == "Technical cause: CutShort <- OSError: read 3 of 9 bytes"


def test_an_unexpected_error_names_the_file_and_where_to_look() -> None:
    """What nobody foresaw still says which tile it cost."""
    words = in_plain_words(ZeroDivisionError("division by zero"), URI)
    assert words.startswith(f"{URI}: unexpected: ZeroDivisionError: division by zero")
    assert "log" in words


def test_causes_that_go_in_circles_end() -> None:
    """An error that is its own cause's cause is told once."""
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert explained(first) == "Technical cause: ValueError <- ValueError: second"
