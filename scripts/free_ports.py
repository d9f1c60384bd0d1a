"""Prints a free loopback port whose next one is free as well."""

import socket

for _ in range(100):
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        try:
            second.bind(("127.0.0.1", port + 1))
        except (OSError, OverflowError):
            continue
        print(port)
        break
else:
    raise SystemExit("no two free ports in a row")
