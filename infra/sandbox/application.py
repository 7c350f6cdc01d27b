"""The layers of the sandbox, from the outside in.

Control, faults, scaling, invocations, transform jobs, SageMaker's rules, quotas, S3, moto.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Response

from infra.sandbox.control import PREFIX, Control
from infra.sandbox.faults import Faults
from infra.sandbox.quotas import with_quotas
from infra.sandbox.sagemaker.invocations import Container, Invocations
from infra.sandbox.sagemaker.rules import Rules
from infra.sandbox.sagemaker.sandbox_resources import Estate
from infra.sandbox.sagemaker.transforms import Transforms
from infra.sandbox.scaling import Scaling
from infra.sandbox.wire import S3, Call, Handler, read

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ENCRYPTION = "x-amz-server-side-encryption"
SHOWN_BY = frozenset(
    {"PutObject", "CopyObject", "CreateMultipartUpload", "CompleteMultipartUpload", "GetObject", "HeadObject"}
)


class Application:
    """The sandbox as a WSGI application."""

    def __init__(self, estate: Estate, container: Container) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        rules = Rules(with_quotas(encrypted(self._ask_moto), estate.settings), estate)
        scaling = Scaling(Invocations(Transforms(rules, estate, container), estate, container), estate)
        self._outermost = Faults(scaling)
        self._control = Control(estate, self._outermost, scaling)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"].startswith(PREFIX):
            return self._control(environ, start_response)
        return self._outermost(read(environ))(environ, start_response)

    def _ask_moto(self, call: Call) -> Response:
        return Response.from_app(self._moto, call.environ)


def encrypted(inner: Handler) -> Handler:
    """S3 as it is since January 2023, encrypted, which it says: AES256 unless request or bucket ask for something else.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
    """

    def answer(call: Call) -> Response:
        response = inner(call)
        if call.service == S3 and call.operation in SHOWN_BY and response.status_code < 300:  # noqa: PLR2004
            response.headers.setdefault(ENCRYPTION, "AES256")
        return response

    return answer
