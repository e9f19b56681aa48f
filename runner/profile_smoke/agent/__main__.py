"""`python -m profile_smoke.agent`: what the containers of the node agent's pod run.

Nothing but the standard library is needed.

serve         the agent: profiles, observation, status, signals
read          the reader of loaded filters, beside it
ping          whether the agent answers, for the pod's readiness
own-profile   put the agent's own seccomp profile onto the node, before `serve` starts under it
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import __version__
from profile_smoke.agent.wire import PORT
from profile_smoke.errors import SmokeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_SECCOMP = Path("/var/lib/kubelet/seccomp")
_SOCKETS = Path("/run/profile-smoke-agent")
_READER = Path("/run/reader/reader.sock")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of them; the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.act(arguments)
    except (SmokeError, OSError) as error:
        print(f"profile-smoke agent: {error}", file=sys.stderr)  # noqa: T201  the container's log
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m profile_smoke.agent", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve")
    serve.set_defaults(act=_serve)
    serve.add_argument("--seccomp", type=Path, default=_SECCOMP, help="the kubelet's seccomp folder")
    serve.add_argument(
        "--sockets", type=Path, default=_SOCKETS, help="a folder that the runtime sees as the same path"
    )
    serve.add_argument(
        "--reader", type=Path, default=None, help="the reader's socket; without it nothing is read back"
    )
    serve.add_argument("--node", default=os.environ.get("NODE_NAME") or socket.gethostname())
    serve.add_argument("--port", type=int, default=PORT)
    read = commands.add_parser("read")
    read.set_defaults(act=_read)
    read.add_argument("--socket", type=Path, default=_READER)
    ping = commands.add_parser("ping")
    ping.set_defaults(act=_ping)
    ping.add_argument("--port", type=int, default=PORT)
    own = commands.add_parser("own-profile")
    own.set_defaults(act=_own_profile)
    own.add_argument("--seccomp", type=Path, default=_SECCOMP)
    return parser


def _serve(arguments: argparse.Namespace) -> None:
    from profile_smoke.agent.node import Node
    from profile_smoke.agent.server import Server, listen
    from profile_smoke.agent.shelf import Shelf

    node = Node(arguments.node, Shelf(arguments.seccomp), arguments.sockets, arguments.reader)
    with listen(arguments.port) as listening:
        server = Server(node, listening)

        def end(_number: int, _frame: FrameType | None) -> None:
            # Not here: the interrupted thread may hold the very locks.
            threading.Thread(target=server.stop, daemon=True).start()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        server.serve()


def _read(arguments: argparse.Namespace) -> None:
    from profile_smoke.agent import reader

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    reader.serve(reader.listen(arguments.socket))


def _ping(arguments: argparse.Namespace) -> None:
    with socket.create_connection(("127.0.0.1", arguments.port), timeout=5):
        pass


def _own_profile(arguments: argparse.Namespace) -> None:
    from profile_smoke.agent.shelf import Shelf

    Shelf(arguments.seccomp).install_own(
        resources.files("profile_smoke.agent").joinpath("seccomp.json").read_bytes()
    )


if __name__ == "__main__":
    sys.exit(main())
