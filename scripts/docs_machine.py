"""The machine that a page takes for granted: scripts/docs-test's folders, ports, programs and servers in the place of the usual ones."""

import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import time

from docs_page import ROOT, Failed

FOLDERS = [
    "/etc/secrets-agent", "/run/secrets-agent", "/var/lib/secrets-agent", "/run/web", "/run/job", "/var/lib/web", "/etc/web",
    "/etc/systemd/system", "/opt/nomad",
]
PROGRAMS = ["/usr/local/bin", ".build/release"]
STORES = {"vault": "127.0.0.1:8200", "azure": "127.0.0.1:8201", "gcp": "127.0.0.1:8202", "aws": "127.0.0.1:4566"}
OPTIONS = {"vault": "port", "azure": "azure-port", "gcp": "gcp-port", "aws": "aws-port"}
METRICS = "127.0.0.1:9465"
EXECUTABLES = {
    "secrets-agent": ("SECRETS_AGENT_EXECUTABLE", ".build/debug/secrets-agent"),
    "secrets-agent-fakes": ("SECRETS_AGENT_FAKES", ".build/debug/secrets-agent-fakes"),
    "bao": ("SECRETS_AGENT_BAO", ".venv/bin/bao"),
}
CLAIMS = []
DEFAULTS = {
    "secrets-agent": {
        "status|refresh|reload": "--socket /run/secrets-agent/api.sock",
        "nomad": "--config /etc/secrets-agent/agent.yaml",
    },
    "secrets-agent-fakes": {"run": " ".join(f"--{OPTIONS[store]} {address[10:]}" for store, address in STORES.items())},
}


class Names:
    """The page's well-known ports and folders, and what they are in this run."""

    def __init__(self, folder):
        self.pairs = [(path, f"{folder}{path}") for path in FOLDERS] + [(path, f"{folder}/.bin") for path in PROGRAMS]

    def add(self, shown, actual):
        self.pairs.append((shown, actual))

    def actual(self, text):
        for shown, actual in self.pairs:
            text = text.replace(shown, actual)
        return text

    def shown(self, text):
        for shown, actual in self.pairs:
            text = text.replace(actual, shown)
        return text


def free_ports(count):
    """The first of so many free loopback ports in a row, below those that the kernel gives out by itself."""
    while True:
        first = random.randrange(20_000, 32_000)
        claims = []
        try:
            for port in range(first, first + count):
                # A page may use its ports late: another page of the same moment sees by the name that they are taken.
                claims.append(socket.socket(socket.AF_UNIX))
                claims[-1].bind(f"\0docs-test/{port}")
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        CLAIMS.extend(claims)
        return first


def executable(name):
    variable, built = EXECUTABLES[name]
    file = pathlib.Path(os.environ.get(variable) or ROOT / built)
    if not file.exists():
        raise Failed(f"{file} is not there; see `make setup` and `make test`")
    return file


def programs(folder, names):
    """A folder of the names that a reader types."""
    bin = folder / ".bin"
    bin.mkdir()

    def starter(name, text, defaults=None):
        # What is the default of an option is a well-known place, too.
        cases = "".join(
            f'{pattern}) c=$1; shift; set -- "$c" {names.actual(options)} "$@" ;;\n' for pattern, options in (defaults or {}).items())
        (bin / name).write_text(f'#!/bin/sh\ncase $1 in\n{cases}esac\n{text}\n')
        (bin / name).chmod(0o755)

    for name in EXECUTABLES:
        # Not a link: bao's is a script that looks for what lies beside it.
        starter(name, f'exec "{executable(name)}" "$@"', DEFAULTS.get(name))
    starter("vault", f'exec "{bin}/bao" "$@"')
    starter("python3", f'exec "{sys.executable}" "$@"')
    starter("aws", f'exec "{pathlib.Path(sys.executable).parent}/aws" "$@"')
    # The workload of the pages: it does nothing, as long as it may.
    starter("web", "exec sleep 600")
    return bin


def wait_for(server, there, name):
    while not there():
        if server.poll() is not None:
            raise Failed(f"{name} ended before it listened")
        time.sleep(0.02)


def start_fakes(folder, names, environment):
    ready = folder / ".ready.json"
    ports = [word for store, shown in STORES.items() for word in (f"--{OPTIONS[store]}", names.actual(shown)[10:])]
    fakes = subprocess.Popen(
        [str(folder / ".bin/secrets-agent-fakes"), "serve", "--json", "--ready-file", str(ready), "--gcp-folder", str(folder), *ports],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    wait_for(fakes, ready.exists, "the fakes")
    places = json.loads(ready.read_text())
    environment.update({
        "VAULT_ADDR": places["vault"], "AWS_ENDPOINT_URL": places["aws"], "AZURE_AUTHORITY_HOST": places["azure"],
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": places["azure"], "WEB_CLIENT_SECRET": "demo-web-client-secret",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": places["gcp"],
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": places["gcp"],
        "GCE_METADATA_HOST": places["gcp"].removeprefix("http://"),
        "GOOGLE_APPLICATION_CREDENTIALS": places["gcp_key_file"],
    })
    return fakes


def start_moto(folder, environment):
    port = free_ports(1)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], env=environment | {"HOME": "/nonexistent"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(server, listens, "moto")
    address = f"http://127.0.0.1:{port}"
    environment["AWS_ENDPOINT_URL_IAM"] = address
    environment.setdefault("AWS_ENDPOINT_URL", address)
    return server
