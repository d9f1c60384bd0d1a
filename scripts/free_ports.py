"""Two free loopback ports in a row: OpenBao's development mode listens on the one that it is given and the next."""

import socket


def two_free_ports():
    """The first of the two."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                return port
            except (OSError, OverflowError):
                continue
    raise SystemExit("no two free ports in a row")


if __name__ == "__main__":
    print(two_free_ports())
