"""Credentials in the forms that AWS, its clients and people write them in."""

import random
import string

import pytest

from tasks.core.redaction import redact

# AWS's own examples, which open nothing.
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SIGNATURE = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
TOKEN = "IQoJb3JpZ2luX2VjEPT//////////wEaCXVzLWVhc3QtMSJHMEUCIQDtoxH9bX4kq7Rf3gkLwP0sQxT2aYvJ8hBd5NnZcEo1Ug=="  # noqa: S105
ENCODED = TOKEN.replace("/", "%2F").replace("=", "%3D")
AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20260101/us-east-1/s3/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={SIGNATURE}"
)
CANONICAL = f"POST\n/\n\nhost:api.sagemaker.us-east-1.amazonaws.com\nx-amz-security-token:{TOKEN}\n\nhost;x-amz-date\n"

TEXTS = [
    f"The AWS Access Key Id {KEY_ID} does not exist in our records",
    f"temporary {KEY_ID.replace('AKIA', 'ASIA')}, expired",
    f"InvalidSignatureException: The Canonical String for this request should have been\n'{CANONICAL}'",
    f"<AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId><SignatureProvided>{SIGNATURE}</SignatureProvided>",
    f"https://b.s3.amazonaws.com/k?X-Amz-Credential={KEY_ID}%2F2026&X-Amz-Signature={SIGNATURE}&x-id=GetObject",
    f"https://b.s3.amazonaws.com/k?X-Amz-Security-Token={ENCODED}&X-Amz-Expires=60",
    f"https://b.s3.amazonaws.com/k?AWSAccessKeyId={KEY_ID}&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D&Expires=1",
    f"Authorization: {AUTHORIZATION}",
    f"{{'Authorization': '{AUTHORIZATION}', 'x-amz-security-token': '{TOKEN}'}}",
    f"{{b'Authorization': b'{AUTHORIZATION}', b'X-Amz-Security-Token': b'{TOKEN}'}}",
    f"sent {AUTHORIZATION}",
    f"Authorization: AWS {KEY_ID}:vjbyPxybdZaNmGa+yT272YEAiv4=",
    f"export AWS_SECRET_ACCESS_KEY={SECRET} AWS_SESSION_TOKEN={TOKEN}",
    f"aws_secret_access_key = {SECRET}",
    f'{{"AccessKeyId": "{KEY_ID}", "SecretAccessKey": "{SECRET}", "SessionToken": "{TOKEN}"}}',
    f'{{\\"SecretAccessKey\\": \\"{SECRET}\\"}}',
    f"<SecretAccessKey>{SECRET}</SecretAccessKey>",
    f"Session(aws_access_key_id='{KEY_ID}', aws_secret_access_key='{SECRET}')",
    f"could not use {SECRET}.",
    f"got ({TOKEN})",
    f"s3://{KEY_ID}:{SECRET}@bucket/key",
]
SECRETS = (KEY_ID, KEY_ID[4:], SECRET, TOKEN, ENCODED, SIGNATURE, "vjbyPxybdZaNmGa")


@pytest.mark.parametrize("text", TEXTS)
def test_no_form_of_a_credential_is_left(text: str) -> None:
    """Whatever quotes a request, a header, a configuration or an answer of AWS keeps none of its credentials."""
    shown = redact({"error": [text]})["error"][0]
    assert not [secret for secret in SECRETS if secret in shown], shown


@pytest.mark.parametrize("text", TEXTS)
def test_redacting_twice_changes_nothing(text: str) -> None:
    """What was hidden once stays as it is: records are redacted again when they are written again."""
    assert redact(redact(text)) == redact(text)


def test_secrets_of_any_spelling_are_found_by_their_form() -> None:
    """A secret access key that stands alone in a text, without a name, is hidden."""
    draw, letters = random.Random(7), string.ascii_letters + string.digits + "/+"
    secrets = ["".join(draw.choices(letters, k=40)) for _ in range(1000)]
    left = [
        secret
        for secret in secrets
        if redact(f"could not sign with {secret}, sorry") != "could not sign with ***, sorry"
    ]
    assert len(left) < 10


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/flights/2026/Richmond/NRG/Tile0001/Strip02/Frame/x.jp2",
        "s3://agency/Flights2026/Richmond/NRG/Tile0001",
        "Flights2026/Richmond/Windsor/NRG/Tile0001",
        "/data/Überflutung 2026/Aufnahmen/Kachel0001.jp2",
        "usr/share/vim/vim90/macros/maze/Makefile",
        "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole-20200101T010101",
        "arn:aws:kms:ap-southeast-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "flood-extent-0123456789abcdef0123456789abcdef-1",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "An error occurred (InvalidToken) when calling the PutObject operation: The provided token is malformed",
        "An error occurred (ExpiredToken): The security token included in the request is expired",
        "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided",
        "check the token: it has expired",
        "Check bucket, key, region and credentials: s3://b/x",
        """PREFECT_API_AUTH_STRING="$(cat '/home/me/auth_string')" flood-extent plan""",
        'export PREFECT_API_AUTH_STRING="$PREFECT_SERVER_API_AUTH_STRING"',
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    """Paths, names, hashes and the words of an error are what a reader needs."""
    assert redact(text) == text


def test_values_named_after_credentials_are_hidden() -> None:
    """In a record the name of a value tells, however short the value is."""
    assert redact({"Authorization": "x", "headers": [{"x-amz-signature": "y", "width": 3}]}) == {
        "Authorization": "***",
        "headers": [{"x-amz-signature": "***", "width": 3}],
    }
