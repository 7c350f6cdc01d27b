"""Service Quotas of SageMaker, which moto does not have: page by page, as many as make a client go on to the next.

https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html
"""

import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any

from werkzeug.wrappers import Response

from infra.sandbox.sagemaker.sandbox_resources import Settings
from infra.sandbox.wire import ACCOUNT, QUOTAS, Call, Handler, Refused, refusal, success

SAGEMAKER = "sagemaker"
FAMILIES = ("c5", "c6i", "g4dn", "g5", "inf2", "m5", "m6i", "p3", "r5", "t2")
SIZES = ("large", "xlarge", "2xlarge", "4xlarge")
USES = ("endpoint", "training job", "processing job", "transform job", "notebook instance")
MAX_RESULTS = 100
OWN, DEFAULTS = "ListServiceQuotas", "ListAWSDefaultServiceQuotas"


def with_quotas(inner: Handler, settings: Settings) -> Handler:
    """The layer that answers for Service Quotas; calls to other services pass.

    An account has a value of its own where one has been granted (``Settings.quotas``), and AWS's default for all types
    that there are. It has granted values for other uses, too.
    """

    def answer(call: Call) -> Response:
        if call.service != QUOTAS or call.operation not in {OWN, DEFAULTS}:
            return inner(call)
        try:
            return success(_page(call, settings))
        except Refused as refused:
            return refusal(call, refused)

    return answer


def _page(call: Call, settings: Settings) -> dict[str, Any]:
    if call.parameters.get("ServiceCode") != SAGEMAKER:
        raise Refused("The specified service does not exist.", code="NoSuchResourceException")
    found = _own(settings) if call.operation == OWN else [(name, settings.default_quota) for name in _names()]
    size = min(int(call.parameters.get("MaxResults", MAX_RESULTS)), MAX_RESULTS)
    try:
        start = json.loads(call.parameters.get("NextToken", "0"))
        page = found[start : start + size]
    except (TypeError, ValueError) as error:
        raise Refused(f"Invalid token: {error}", code="InvalidPaginationTokenException") from error
    more = {"NextToken": str(start + size)} if len(found) > start + size else {}
    return {"Quotas": [_quota(name, value, call.region) for name, value in page], **more}


def _own(settings: Settings) -> list[tuple[str, float]]:
    granted = {"endpoint": settings.quotas, "transform job": settings.transform_quotas}
    own = {f"{name} for {use} usage": value for use, values in granted.items() for name, value in values.items()}
    others = [(name, 4.0) for name in _names() if not name.endswith("endpoint usage") and name not in own]
    return others + list(own.items())


def _names() -> Iterator[str]:
    for use, family, size in itertools.product(USES, FAMILIES, SIZES):
        yield f"ml.{family}.{size} for {use} usage"


def _quota(name: str, value: float, region: str) -> dict[str, Any]:
    code = f"L-{zlib.crc32(name.encode()):08X}"
    return {
        "ServiceCode": SAGEMAKER,
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT}:{SAGEMAKER}/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
