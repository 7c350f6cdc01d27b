"""``python -m infra.sandbox``: a local AWS on one loopback port.

Point any AWS client at it through the environment variables that it prints. It ends by itself when the process that
started it through ``tasks.services.child_process`` is gone.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from infra.sandbox.client import Sandbox, environment
from tasks.services import child_process, storage

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

LOOPBACK = "127.0.0.1"
MODEL_REFUSED = 64
FORMS = ("indexed", "grey")


def main(arguments: Sequence[str] | None = None) -> int:
    """Listen, make what was asked for, announce the port and serve until SIGTERM or Ctrl-C.

    Returns:
        Exit status: 64 where the model cannot be used; what is wrong is on standard error.
    """
    # Before the slow imports: a parent may die during them.
    child_process.watch_inherited()
    options = _parse(arguments)
    from infra.sandbox.application import Application  # noqa: PLC0415
    from infra.sandbox.sagemaker.invocations import Container  # noqa: PLC0415
    from infra.sandbox.sagemaker.sandbox_resources import Estate, Settings  # noqa: PLC0415
    from infra.sandbox.wire import ACCOUNT  # noqa: PLC0415
    from tasks.core.errors import EndpointRefused  # noqa: PLC0415

    # Whatever account a client's credentials belong to, there is only one.
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    seconds = (options.creating_seconds, options.deleting_seconds, options.stale_seconds)
    settings = Settings(*seconds, masks=options.masks)
    try:
        container = Container(options.model)
    except EndpointRefused as error:
        sys.stderr.write(f"{error}\n")
        return MODEL_REFUSED
    server = _server(options.port, Application(Estate(settings), container))
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _serve(server, options)
    except KeyboardInterrupt:
        return 0
    finally:
        container.stop()
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--announce", type=Path, help="file that the port is written to once it is open")
    parser.add_argument("--model", default="water-index", help="of its endpoints: water-index, or an ONNX model's path")
    parser.add_argument("--creating-seconds", type=float, default=5.0, help="from CreateEndpoint to InService")
    parser.add_argument("--deleting-seconds", type=float, default=2.0, help="from DeleteEndpoint until it is gone")
    parser.add_argument("--stale-seconds", type=float, default=0.0, help="for which nothing new is to be seen")
    parser.add_argument("--masks", choices=FORMS, default=FORMS[0], help="PNG of its label masks")
    parser.add_argument("--training-job", help="name of a finished training job to begin with")
    return parser.parse_args(arguments)


def _server(port: int, application: Any) -> "BaseWSGIServer":
    from moto.moto_server.werkzeug_app import MotoRequestHandler  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    class Quiet(MotoRequestHandler):
        """Moto's, which keeps S3 metadata's underscores, without a line a request."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Errors alone are worth a line."""

    return make_server(LOOPBACK, port, application, threaded=True, request_handler=Quiet)


def _serve(server: "BaseWSGIServer", options: argparse.Namespace) -> None:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://{LOOPBACK}:{server.port}"
    if options.training_job:
        Sandbox(url).add_training_job(options.training_job)
    if options.announce is not None:
        storage.write_bytes(str(options.announce), str(server.port).encode())
    sys.stdout.write("".join(f"export {name}={value}\n" for name, value in environment(url).items()))
    sys.stdout.flush()
    thread.join()


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
