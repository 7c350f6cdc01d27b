"""``python -m infra.model_server``: serve one model on loopback, or in a container on every interface.

It ends by itself when the process that started it through ``tasks.services.child_process`` is gone.
"""

import argparse
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tasks.core import class_map
from tasks.services import child_process

LOOPBACK = "127.0.0.1"
MODEL_REFUSED = 64
# Connections that wait to be accepted.
BACKLOG = 256


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the model, listen, announce the port and serve until SIGTERM.

    Returns:
        Exit status: 64 where the model cannot be used; what is wrong is on standard error.
    """
    # Before the slow imports: a parent may die during them.
    child_process.watch_inherited()
    options = _parse(arguments)

    import cv2  # noqa: PLC0415
    import uvicorn  # noqa: PLC0415

    from infra.model_server import app, connections  # noqa: PLC0415
    from tasks.core.errors import EndpointRefused  # noqa: PLC0415
    from tasks.core.models import known_models  # noqa: PLC0415
    from tasks.services import storage  # noqa: PLC0415

    cv2.setNumThreads(1)  # requests are what runs in parallel
    names = ("max_bytes", "max_pixels", "concurrency", "queue")
    limits = app.Limits(**{name: getattr(options, name) for name in names})
    try:
        application = app.create_app(known_models.load(options.model, options.device, options.labels), limits)
    except EndpointRefused as error:
        sys.stderr.write(f"{error}\n")
        return MODEL_REFUSED
    listener = listen(options.host, options.port)
    port = listener.getsockname()[1]
    if options.announce is not None:
        storage.write_bytes(str(options.announce), str(port).encode())
    sys.stdout.write(f"listening on port {port}\n")
    sys.stdout.flush()
    uvicorn.Server(connections.server_config(application)).run(sockets=[listener])
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.model_server", description=main.__doc__)
    parser.add_argument("--model", default="water-index", help="water-index, or the path of an ONNX model")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="where an ONNX model runs")
    parser.add_argument(
        "--labels", type=_class_map, help="label of each class of an ONNX model, in place of its metadata's"
    )
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (a container: 0.0.0.0)")
    parser.add_argument("--port", type=int, default=8080, help="0: a free one")
    parser.add_argument("--announce", type=Path, help="file that the port is written to once it is open")
    parser.add_argument("--max-bytes", type=int, default=6 * 1024 * 1024, help="largest request body")
    parser.add_argument("--max-pixels", type=int, default=100_000_000, help="largest image")
    parser.add_argument("--concurrency", type=_at_least(1), default=2, help="predictions at a time")
    parser.add_argument(
        "--queue",
        type=_at_least(0),
        help="requests that wait besides; any more are answered 503 with Retry-After (default: 8 x concurrency)",
    )
    return parser.parse_args(arguments)


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if (value := int(text)) < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def _class_map(text: str) -> tuple[int, ...]:
    return class_map.checked(tuple(map(int, text.split(","))))


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections whose answers leave at once."""
    listener = socket.create_server((host, port), backlog=BACKLOG)
    # An answer is two writes, header and body. asyncio turns Nagle's waiting off only for sockets that name their
    # protocol, which this one does not; with it each answer would wait 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.set_inheritable(False)
    return listener


if __name__ == "__main__":
    sys.exit(main())
