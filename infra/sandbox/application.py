"""The layers of the sandbox, from the outside in: control, faults, invocations, SageMaker's rules, quotas, S3, moto."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Response

from infra.sandbox.control import PREFIX, Control
from infra.sandbox.encryption import encrypted
from infra.sandbox.faults import Faults
from infra.sandbox.quotas import with_quotas
from infra.sandbox.sagemaker.estate import Estate
from infra.sandbox.sagemaker.invocations import Container, Invocations
from infra.sandbox.sagemaker.rules import Rules
from infra.sandbox.wire import Call, read

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Application:
    """The sandbox as a WSGI application."""

    def __init__(self, estate: Estate, container: Container) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        inner = Invocations(Rules(with_quotas(encrypted(self._ask_moto), estate.settings), estate), estate, container)
        self._outermost = Faults(inner)
        self._control = Control(estate, self._outermost)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"].startswith(PREFIX):
            return self._control(environ, start_response)
        return self._outermost(read(environ))(environ, start_response)

    def _ask_moto(self, call: Call) -> Response:
        return Response.from_app(self._moto, call.environ)
