"""S3 encrypts every object at rest, and says so; moto says so only where it was told to."""

from werkzeug.wrappers import Response

from infra.sandbox.wire import S3, Call, Handler

HEADER = "x-amz-server-side-encryption"
SHOWN_BY = frozenset(
    {"PutObject", "CopyObject", "CreateMultipartUpload", "CompleteMultipartUpload", "GetObject", "HeadObject"}
)


def encrypted(inner: Handler) -> Handler:
    """S3 as it has been since January 2023: AES256 unless the request or the bucket asks for something else.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
    """

    def answer(call: Call) -> Response:
        response = inner(call)
        if call.service == S3 and call.operation in SHOWN_BY and response.status_code < 300:  # noqa: PLR2004
            response.headers.setdefault(HEADER, "AES256")
        return response

    return answer
