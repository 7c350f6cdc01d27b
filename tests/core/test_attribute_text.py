"""What a product's attributes say names files, not the folders of the machine that made it."""

import pytest

from tasks.core.text import without_folders


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/frames/a/b.jp2: it ends early", "a/b.jp2: it ends early"),
        ("a.jp2: [Errno 28] No space: '/tmp/x y/z.png'. Free it", "a.jp2: [Errno 28] No space: 'x y/z.png'. Free it"),
        ("a.jp2: its world file /data/other/a.j2w cannot be read", "a.jp2: its world file a.j2w cannot be read"),
        ("/srv/my work/cache/k.png: damaged (/etc/x.conf)", "cache/k.png: damaged (x.conf)"),
        ("s3://bucket/flights/a.jp2: gone", "s3://bucket/flights/a.jp2: gone"),
        ("the model answered 500. Its log is /aws/sagemaker/Endpoints/x", None),
        ("1.5 m/px, image/png and 3/4 of it", None),
    ],
)
def test_folders_are_left_out(text: str, expected: str | None) -> None:
    """Names, places in S3, log groups and fractions stay; folders of this machine go."""
    assert without_folders(text, ["/srv/frames/", "/srv/my work"]) == (text if expected is None else expected)
