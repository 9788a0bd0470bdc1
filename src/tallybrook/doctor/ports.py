"""Whether a port can be listened on."""

import errno
import socket
from enum import Enum, auto


class PortState(Enum):
    FREE = auto()
    TAKEN = auto()
    FORBIDDEN = auto()
    NO_ADDRESS = auto()


def state_of(host: str, port: int) -> PortState:
    """Binds it for a moment, as serve would, without listening."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, OverflowError):
        return PortState.NO_ADDRESS
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return _STATES.get(error.errno or 0, PortState.TAKEN)
    return PortState.FREE


_STATES = {
    errno.EADDRINUSE: PortState.TAKEN,
    errno.EACCES: PortState.FORBIDDEN,
    errno.EADDRNOTAVAIL: PortState.NO_ADDRESS,
}
