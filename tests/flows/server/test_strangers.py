"""What a web page, and another user of the machine, get of a running ``serve``: nothing."""

import json
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
from browser import log_in, new_page
from command_line import CommandLine, Scene
from dashboard import Dashboard
from loopback import listening
from processes import processes_marked
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from deployments.local import POOL
from deployments.server_access import token

pytestmark = pytest.mark.slow

FOREIGN = "http://evil.example"
SOCKETS = ("events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled", "work_pools/x/workers/connect")
# A page makes a deployment in the local pool whose first step is a command of its own, starts it, reads blocks with
# their secrets, and listens to events. `simple` requests need no leave of the server's before they are sent.
ATTACK = """<!doctype html><title>waiting</title><script>
const api = "%(api)s", got = [];
const ask = async (path, body, simple) => {
  const type = simple ? "text/plain" : "application/json";
  const asked = {method: "POST", headers: {"Content-Type": type}, body: JSON.stringify(body)};
  const answer = await fetch(api + path, simple ? {...asked, mode: "no-cors"} : asked);
  const found = await answer.json();
  got.push([path, found]);
  return found;
};
const run = async (simple) => {
  const flow = await ask("/flows/", {name: "attack"}, simple);
  const steps = [{"prefect.deployments.steps.run_shell_script": {script: "touch %(mark)s"}}];
  const made = {name: "attack", flow_id: flow.id, work_pool_name: "%(pool)s", pull_steps: steps, entrypoint: "a.py:a"};
  const deployment = await ask("/deployments/", made, simple);
  await ask(`/deployments/${deployment.id}/create_flow_run`, {}, simple);
};
const read = () => ask("/block_documents/filter", {include_secrets: true});
const listen = () => new Promise((resolve, reject) => {
  const socket = new WebSocket(api.replace("http", "ws") + "/events/out", ["prefect"]);
  socket.onmessage = (event) => { got.push(["events", event.data]); resolve(); };
  socket.onopen = () => socket.send(JSON.stringify({type: "auth", token: null}));
  socket.onclose = reject;
});
(async () => {
  for (const attempt of [() => run(false), () => run(true), read, listen]) await attempt().catch(() => null);
  document.title = JSON.stringify(got);
})();
</script>"""


def test_a_page_of_another_origin_gets_nothing(dashboard: Dashboard, tmp_path: Path) -> None:
    """In Chromium: it makes no deployment, starts no command, and reads no secret and no event."""
    mark = tmp_path / "was_here"
    (tmp_path / "attack.html").write_text(ATTACK % {"api": dashboard.api, "mark": mark, "pool": POOL})
    with listening(partial(SimpleHTTPRequestHandler, directory=str(tmp_path))) as address, new_page() as page:
        page.goto(f"{address}/attack.html")
        page.wait_for_function("document.title !== 'waiting'")
        got = json.loads(page.title())
    assert got == []
    names = [one["name"] for one in dashboard.ask("deployments/filter", {})]
    assert sorted(names) == ["block", "every-15-minutes", "local", "local", "local"]
    assert not mark.exists()


def test_a_link_logs_a_browser_in(dashboard: Dashboard) -> None:
    """Who opens what serve prints sees the dashboard, and stays logged in; the link is then used up."""
    link = next(word for word in dashboard.said().split() if "#" in word)
    with new_page() as page:
        log_in(page, link)
        page.goto(f"http://localhost:{dashboard.address.rsplit(':', 1)[1]}/v2/deployments")
        page.get_by_text("every-15-minutes").first.wait_for()
    with new_page() as page:
        page.goto(link)
        page.get_by_text("This link has been used").wait_for()
        page.goto(dashboard.address)
        page.wait_for_url(lambda url: "/login" in url)


def ask(dashboard: Dashboard, path: str, method: str = "POST", **headers: str) -> httpx.Response:
    return httpx.request(method, f"{dashboard.api}/{path}", headers=headers, timeout=60, trust_env=False)


@pytest.mark.parametrize("path", ["flows/filter", "block_documents/filter", "deployments/", "admin/database/clear"])
def test_another_user_of_the_machine_needs_the_password(dashboard: Dashboard, path: str) -> None:
    """Without it, and with a guessed one, the API says 401."""
    assert ask(dashboard, path).status_code == 401
    assert ask(dashboard, path, Authorization=f"Basic {token('admin:pass')}").status_code == 401


def test_a_rebound_name_is_refused(dashboard: Dashboard) -> None:
    """A page whose own name points at 127.0.0.1 is no page of this server, with the password neither."""
    headers = {"Host": "evil.example:4200", "Authorization": f"Basic {token(dashboard.auth_string)}"}
    assert ask(dashboard, "admin/version", "GET", **headers).status_code == 421


def test_no_other_origin_is_given_leave(dashboard: Dashboard) -> None:
    """A browser that asks whether a page may is not told that it may; the dashboard's own is."""
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    foreign = ask(dashboard, "deployments/", "OPTIONS", Origin=FOREIGN, **wanted)
    own = ask(dashboard, "deployments/", "OPTIONS", Origin=dashboard.address, **wanted)
    assert "access-control-allow-origin" not in foreign.headers
    assert own.headers["access-control-allow-origin"] == dashboard.address


def hears(dashboard: Dashboard, path: str, auth: str, headers: Mapping[str, str]) -> bool:
    """Whether a WebSocket is taken."""
    address = f"{dashboard.api.replace('http', 'ws', 1)}/{path}"
    try:
        with connect(address, subprotocols=["prefect"], additional_headers=headers, proxy=None) as socket:  # type: ignore[list-item]
            socket.send(json.dumps({"type": "auth", "token": auth}))
            return bool(json.loads(socket.recv(timeout=30))["type"] == "auth_success")
    except WebSocketException:
        return False


@pytest.mark.parametrize("path", SOCKETS)
def test_a_websocket_tells_nothing_to_strangers(dashboard: Dashboard, path: str) -> None:
    """Neither without the password, nor with it from another page."""
    assert not hears(dashboard, path, "", {})
    assert not hears(dashboard, path, dashboard.auth_string, {"Origin": FOREIGN})


def test_a_websocket_takes_the_password(dashboard: Dashboard) -> None:
    """So that what the refusals above show is theirs."""
    assert hears(dashboard, "events/out", dashboard.auth_string, {})


def test_a_run_joins_serve_and_the_password_is_nowhere(dashboard: Dashboard, scene: Scene) -> None:
    """A run of the same user shows in the dashboard; the password is in no log, product, record or command line."""
    command = CommandLine(dashboard.folder, {**dashboard.environment, "PREFECT_API_URL": ""})
    status, said = command("run", scene.dataset, "--width", "200")
    assert status == 0, said
    started = dashboard.create_run({"dataset": str(scene.dataset), "width": 300})
    assert dashboard.state_of(started) == "Completed"
    assert {run["id"] for run in dashboard.runs_of("flood-extent")} >= {command.record()["flow_run_id"], started}
    lines = [*processes_marked(str(dashboard.folder)), said, dashboard.said()]
    secrets = (dashboard.auth_string.split(":")[1], token(dashboard.auth_string))
    assert not [secret for secret in secrets if secret in "\n".join(lines)]
    assert holding(dashboard.folder, secrets) == ["auth-string"]


def holding(folder: Path, secrets: tuple[str, ...]) -> list[str]:
    """Names of the files below a folder that hold one of the secrets."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(secret.encode() in path.read_bytes() for secret in secrets)]


def test_who_starts_serve_again_is_given_a_link(dashboard: Dashboard) -> None:
    """The port is taken by one's own serve: the message says so, and how to log in there."""
    command = CommandLine(dashboard.folder, dashboard.environment)
    status, said = command("serve", "--port", dashboard.address.rsplit(":", 1)[1])
    assert status == 64
    assert f"{dashboard.address}/flood-extent/log-in#" in said


def test_its_files_are_the_owners(dashboard: Dashboard) -> None:
    """Password, address, logs and the database with the blocks' secrets: nobody else may read them."""
    home = Path(dashboard.environment["PREFECT_HOME"])
    modes = {path.name: path.stat().st_mode & 0o077 for path in (home / "flood-extent-serve", home / "prefect.db")}
    assert set(modes.values()) == {0}
