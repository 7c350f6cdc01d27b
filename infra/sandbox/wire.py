"""How AWS speaks: which operation a request asks for, and answers in the form that its protocol wants."""

import io
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from xml.sax.saxutils import escape

from moto.core.request import Request as MotoRequest
from moto.core.routing import get_service_router
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from infra.sandbox.sagemaker.lifecycle import Fate
from infra.sandbox.sagemaker.staleness import Stale

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ACCOUNT = "123456789012"
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/flood-extent/session"
SAGEMAKER, RUNTIME, S3 = "sagemaker", "sagemaker-runtime", "s3"
IAM, QUOTAS, SCALING = "iam", "servicequotas", "application-autoscaling"
JSON_TYPE = "application/x-amz-json-1.1"
INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")
# In an Authorization header, or in the query of a presigned URL: key/date/region/service/aws4_request.
SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass(slots=True)
class Call:
    """One request to AWS.

    Attributes:
        environ: The WSGI environment; its body can still be read by whoever answers.
        service: Signing name, except that the SageMaker Runtime is told apart: ``sagemaker-runtime``.
        operation: As in AWS's API reference; empty where unknown.
        region: That it was signed for.
        name: Of what it is about: an endpoint's, model's or role's name, an ARN for tags, ``bucket/key`` for S3, the
            resource id of a scalable target.
        body: Empty for S3, whose bodies pass through unread.
        parameters: The body of a JSON request.
        fate: What an ordered fault wants to become of the endpoint or transform job that this call creates.
        stale: How long an ordered fault hides what this call creates.
    """

    environ: "WSGIEnvironment"
    service: str
    operation: str
    region: str
    name: str
    body: bytes = b""
    parameters: dict[str, Any] = field(default_factory=dict)
    fate: Fate | None = None
    stale: Stale | None = None


Handler: TypeAlias = Callable[[Call], Response]


class Refused(Exception):
    """AWS says no, with one of its codes."""

    def __init__(self, message: str, *, code: str = "ValidationException", status: int = 400) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status


def read(environ: "WSGIEnvironment") -> Call:
    """Tell what a request asks for. Bodies are read, and put back, except S3's."""
    region, service = _scope(environ)
    if service == S3:
        # WSGI hands the unquoted bytes of a path over as Latin-1.
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        return Call(environ, S3, _s3_operation(environ), region, path.strip("/"))
    body = drain(environ)
    if service == SAGEMAKER and (match := INVOCATIONS.fullmatch(environ["PATH_INFO"])):
        return Call(environ, RUNTIME, "InvokeEndpoint", region, match[1], body)
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        operation, parameters = target.rpartition(".")[2], _parameters(body)
        name = str(parameters.get("ResourceId", "")) if service == SCALING else _name(operation, parameters)
        return Call(environ, service, operation, region, name, body, parameters)
    form = {name: values[0] for name, values in urllib.parse.parse_qs(body.decode("latin-1")).items()}
    return Call(environ, service, form.get("Action", ""), region, form.get("RoleName", ""), body)


def drain(environ: "WSGIEnvironment") -> bytes:
    """Read a request's body and put it back. A client that is still sending when it is answered sees a broken pipe."""
    body = Request(environ).get_data()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return body


def _scope(environ: "WSGIEnvironment") -> tuple[str, str]:
    query = urllib.parse.unquote(environ.get("QUERY_STRING", "")).replace("X-Amz-Credential=", "Credential=")
    match = SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) or SCOPE.search(query)
    return (match[1], match[2]) if match else ("us-east-1", "")


def _s3_operation(environ: "WSGIEnvironment") -> str:
    try:
        return str(get_service_router(S3).match(MotoRequest(environ.copy()))[0].name)
    except (HTTPException, NotImplementedError):
        return ""


def _parameters(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _name(operation: str, parameters: Mapping[str, Any]) -> str:
    for kind in ("Tags", "EndpointConfig", "Endpoint", "Model", "TrainingJob", "TransformJob"):
        if kind in operation:
            return str(parameters.get("ResourceArn" if kind == "Tags" else f"{kind}Name", ""))
    return ""


def success(parameters: Mapping[str, Any] | None = None) -> Response:
    """SageMaker's answer to a call that worked."""
    return Response(json.dumps(parameters) if parameters else b"", 200, content_type=JSON_TYPE)


def refusal(call: Call, refused: Refused, members: Mapping[str, Any] | None = None) -> Response:
    """An error in the form of the call's protocol; that of the SageMaker Runtime has room for further members."""
    text = f"<Code>{escape(refused.code)}</Code><Message>{escape(refused.message)}</Message>"
    if call.service == S3:
        document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{text}</Error>'
        return Response(document, refused.status, content_type="application/xml")
    if call.service == IAM:
        document = f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error></ErrorResponse>"
        return Response(document, refused.status, content_type="text/xml")
    if call.service == RUNTIME:
        answer = json.dumps({"Message": refused.message, **(members or {})})
        headers = {"x-amzn-errortype": refused.code}
        return Response(answer, refused.status, headers, content_type="application/json")
    answer = json.dumps({"__type": refused.code, "message": refused.message})
    return Response(answer, refused.status, content_type=JSON_TYPE)
