"""Names in a sentence."""

import pytest

from tasks.core.text import enumerated


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a", "b", "c", "d"], "a, b and 2 more"),
        (["a\n\x1b[31mb"], "a [31mb"),
    ],
)
def test_a_few_are_named_and_the_rest_is_counted(names: list[str], words: str) -> None:
    """On one line, and without what a terminal would obey."""
    assert enumerated(names, at_most=2) == words
