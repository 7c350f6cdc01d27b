"""An endpoint behind a URL: a real server on loopback, asked, and left alone."""

import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from certificates import self_signed
from jpegs import water_and_crops
from loopback import Handler, listening
from model_serving import serving
from numpy.typing import NDArray

from infra.model_server.app import Limits
from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.masks.labels import decode_mask
from tasks.core.models import water_index
from tasks.core.models.nir_threshold import Split
from tasks.services.endpoints import container_client
from tasks.services.endpoints.contract import Deployment, EndpointSpec
from tasks.services.endpoints.endpoint_kinds import endpoint_service
from tasks.services.endpoints.http_endpoint import HttpEndpoint


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of ``water-index``."""
    with serving(water_index.predict) as address:
        yield address


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    """Clients that go by the environment of the test."""
    container_client.pooled_client.cache_clear()
    yield
    container_client.pooled_client.cache_clear()


def endpoint(url: str, model: str = "ours", **changes: float) -> HttpEndpoint:
    return HttpEndpoint(EndpointSpec("http", model=model, url=url), **{"patient_seconds": 0.0, **changes})


def deploy(url: str, **changes: float) -> Deployment:
    return endpoint(url, **changes).deploy("run", lambda _: None)


class Healthy(Handler):
    """In service, and answers what was sent."""

    def reply(self, sent: bytes) -> None:
        """200."""
        self.answer(sent)


@pytest.mark.parametrize(("threshold", "share"), [(0, 0.0), (200, 0.5)])
def test_it_is_asked_with_the_image_and_the_threshold(url: str, threshold: int, share: float) -> None:
    """A tile task, which knows the deployment alone, gets the mask that the server's model makes with it."""
    deployment = Deployment.from_dict(deploy(url).to_dict())
    service = endpoint_service(EndpointSpec(deployment.kind))
    png = service.invoke(deployment, water_and_crops(), water_index.attributes(Split(threshold, 64)))
    assert decode_mask(png, 64, 48, "tile").mean() == pytest.approx(share, abs=0.05)


def test_any_host_may_ask_so_many_at_a_time(url: str) -> None:
    """The deployment is bound to no machine, says where frames go, and how many at once."""
    deployment = deploy(url)
    assert (deployment.host, deployment.in_flight) == (None, 4)
    assert deployment.facts == {"url": url, "model": "ours"}


def test_the_log_says_where_frames_go(url: str) -> None:
    """Whoever watches reads the address before the first frame has left."""
    lines: list[str] = []
    endpoint(url).deploy("run", lines.append)
    assert lines == [f"endpoint {url} is in service: frames are sent there; `model` calls what it holds ours"]


def test_it_is_left_alone(url: str) -> None:
    """After the run it answers as before."""
    service = endpoint(url)
    deployment = service.deploy("run", lambda _: None)
    assert (service.delete("run"), service.wait_until_gone("run", 1)) == ((), ())
    assert service.invoke(deployment, water_and_crops())


def test_cached_answers_go_by_address_and_model() -> None:
    """Another server, or the same with what its user calls another model, is asked anew."""
    asked = [("http://a", "one"), ("http://b", "one"), ("http://a", "two")]
    identities = {endpoint(*one).model_identity() for one in asked}
    assert len(identities) == 3
    assert endpoint(*asked[0]).model_identity() in identities


def test_what_is_not_in_service_is_refused_with_what_it_answers() -> None:
    """A mistyped path is told from a server that is not there."""

    class Lost(Handler):
        def reply(self, sent: bytes) -> None:
            self.answer(sent, 404)

    with listening(Lost) as url, pytest.raises(EndpointRefused, match=f"{url}: it answers 404 to GET /ping. Start"):
        deploy(url)
    with pytest.raises(EndpointRefused, match=f"{url}: it does not answer .*correct `endpoint_url`"):
        deploy(url)


def test_a_server_that_is_starting_is_waited_for() -> None:
    """A container that loads its model says so for a moment."""
    pings: list[int] = []

    class Starting(Handler):
        def reply(self, sent: bytes) -> None:
            pings.append(len(sent))
            self.answer(status=200 if len(pings) > 1 else 503)

    with listening(Starting) as url:
        assert deploy(url, patient_seconds=30.0)
    assert len(pings) == 2


def test_a_server_that_has_gone_may_come_back() -> None:
    """The tile's task tries again."""
    with listening(Healthy) as url:
        gone = deploy(url)
    with pytest.raises(EndpointUnavailable, match=f"endpoint {url}: "):
        endpoint(url).invoke(gone, b"")


def test_other_hosts_are_asked_by_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A server beyond a company's proxy is reached, and one on this machine without it."""
    asked: list[str] = []

    class Proxy(Handler):
        def reply(self, sent: bytes) -> None:
            asked.append(self.path)
            self.answer(sent)

    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with listening(Proxy) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
        there, here = deploy("http://gpu.invalid:8080"), deploy(url)
        assert endpoint(url).invoke(there, b"jpeg") == b"jpeg"
        assert endpoint(url).invoke(here, water_and_crops()) != water_and_crops()
    assert asked == ["http://gpu.invalid:8080/ping", "http://gpu.invalid:8080/invocations"]


def test_a_proxy_that_is_no_address_is_said_without_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Nothing of what the variable holds reaches a log."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:se/cret@proxy:3128")
    monkeypatch.setenv("http_proxy", "http://user:se/cret@proxy:3128")
    with pytest.raises(EndpointRefused, match="HTTP_PROXY") as refused:
        endpoint(url).deploy("name", lambda _: None)
    assert "'se'" not in str(refused.value)


def test_chips_of_a_tile_wait_for_their_turn() -> None:
    """However many tiles and chips ask, the server gets no more at a time than it was said to serve."""
    running, most, lock = 0, 0, threading.Lock()

    def counting(nrg: NDArray[np.uint8], _: str) -> NDArray[np.uint8]:
        nonlocal running, most
        with lock:
            running, most = running + 1, max(most, running + 1)
        time.sleep(0.02)
        with lock:
            running -= 1
        return np.zeros(nrg.shape[:2], np.uint8)

    with serving(counting, Limits(concurrency=8)) as address, ThreadPoolExecutor(8) as pool:
        service = HttpEndpoint(EndpointSpec("http", model="m", url=address, requests_per_instance=2))
        deployment = service.deploy("turns", lambda _: None)
        list(pool.map(lambda _: service.invoke(deployment, water_and_crops()), range(16)))
    assert most == 2


def test_a_proxy_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """It is the environment's fault, and no traceback; its password is not in the message."""
    monkeypatch.setenv("ALL_PROXY", "socks4://me:secret@127.0.0.1:9")
    with pytest.raises(EndpointRefused, match="proxy of the environment cannot be used") as refused:
        deploy(url)
    assert "secret" not in str(refused.value)


def test_a_server_that_cannot_show_who_it_is_gets_no_frame(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Over https the certificate must be of an authority of this machine, or of one that the environment names."""
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{server.server_port}"
        with pytest.raises(EndpointRefused, match="CERTIFICATE_VERIFY_FAILED"):
            deploy(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        container_client.pooled_client.cache_clear()
        assert deploy(url).url == url
        server.shutdown()
