"""Ports of this machine on which nobody listens."""

import socket
from contextlib import ExitStack


def free_ports(number: int) -> list[int]:
    """So many different ones."""
    with ExitStack() as open_:
        sockets = [open_.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [one.getsockname()[1] for one in sockets]
