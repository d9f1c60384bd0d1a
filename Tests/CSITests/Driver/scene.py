"""What the driver's double needs around it: the fakes of the stores, a daemon, the provider, and an issuer of pods' tokens."""

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://kubernetes.default.svc.cluster.local"
# What a pod's class must never come to use.
NODE_KEY = {"id": "AKIANODE", "secret": "the node's"}


class Issuer:
    """The cluster's: it signs service accounts' tokens."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public_key = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def token(self, namespace, account, audience, seconds=3600):
        now = int(time.time())
        claims = {
            "iss": ISSUER, "sub": f"system:serviceaccount:{namespace}:{account}", "aud": [audience],
            "iat": now - 3600, "nbf": now - 3600, "exp": now + seconds}
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "1"})


class Process:
    def __init__(self, arguments, environment, log):
        self.log = open(log, "ab")
        self.process = subprocess.Popen(
            arguments, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Scene:
    def __init__(self, binaries, seed):
        self.binaries = binaries
        self.folder = tempfile.mkdtemp(prefix="csi-")
        self.socket = f"{self.folder}/provider.sock"
        with open(f"{self.folder}/seed.json", "w") as file:
            json.dump(seed, file)
        ready = f"{self.folder}/ready"
        self.fakes = self.start(
            "secrets-agent-fakes", "serve", "--seed", f"{self.folder}/seed.json", "--ready-file", ready)
        wait_for(lambda: os.path.exists(ready) and os.path.getsize(ready) > 0, "the fakes")
        with open(ready) as file:
            self.addresses = json.load(file)
        self.write_configuration()
        self.daemon = self.start_daemon()
        self.provider = self.start_provider()

    def start(self, name, *arguments, environment=None):
        given = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | (environment or {})
        return Process([f"{self.binaries}/{name}", *arguments], given, f"{self.folder}/{name}.log")

    def write_configuration(self):
        with open(f"{self.folder}/agent.yaml", "w") as file:
            json.dump({
                "node_id": "node-1", "state_folder": f"{self.folder}/state",
                "outputs": {"root": f"{self.folder}/out"}, "api": {"socket": f"{self.folder}/api.sock"},
                "values": {"socket": f"{self.folder}/values.sock"}, "policy": f"{self.folder}/policy.yaml"}, file)
        self.write_policy()
        with open(f"{self.folder}/aws", "w") as file:
            file.write(f"[default]\naws_access_key_id = {NODE_KEY['id']}\naws_secret_access_key = {NODE_KEY['secret']}\n")

    def write_policy(self, **more):
        """It lets the node's own documents use what the node has."""
        policy = {"environment": ["AZURE_*", "AWS_*", "CLOUDSDK_*"], "credential_files": [self.folder, "/root"]}
        with open(f"{self.folder}/policy.yaml", "w") as file:
            json.dump(policy | more, file)

    def reload(self):
        subprocess.run(
            [f"{self.binaries}/secrets-agent", "reload", "--socket", f"{self.folder}/api.sock"], check=True, timeout=60)

    def start_daemon(self, more=None):
        environment = (more or {}) | {
            "AZURE_AUTHORITY_HOST": self.addresses.get("azure", ""),
            "AWS_ENDPOINT_URL_STS": self.addresses.get("aws", ""),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": self.addresses.get("gcp", ""),
            "AWS_ACCESS_KEY_ID": NODE_KEY["id"], "AWS_SECRET_ACCESS_KEY": NODE_KEY["secret"],
            "AWS_SHARED_CREDENTIALS_FILE": f"{self.folder}/aws", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/node",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.addresses.get("aws", ""),
            "AZURE_TENANT_ID": "5f3c2a10-0000-4000-8000-00000000a2ce", "AZURE_CLIENT_ID": "node",
            "AZURE_CLIENT_SECRET": NODE_KEY["secret"],
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": self.addresses.get("azure", "")}
        daemon = self.start(
            "secrets-agent", "daemon", "--config", f"{self.folder}/agent.yaml", environment=environment)
        wait_for(lambda: os.path.exists(f"{self.folder}/values.sock"), "the daemon's value socket")
        return daemon

    def restart_daemon(self, more=None):
        self.daemon.stop()
        self.daemon = self.start_daemon(more)

    def restart_provider(self):
        self.provider.stop()
        self.provider = self.start_provider()

    def start_provider(self):
        provider = self.start(
            "secrets-agent-csi", "--socket", self.socket, "--values", f"{self.folder}/values.sock")
        wait_for(lambda: os.path.exists(self.socket), "the provider's socket")
        return provider

    # The fakes' own calls.

    def ask(self, store, method, path, body=None):
        request = urllib.request.Request(
            self.addresses[store] + path, method=method, data=json.dumps(body).encode() if body is not None else None)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def requests(self, store="vault"):
        return [request for request in self.ask(store, "GET", "/_fake/requests")["requests"]]

    def metric(self, name):
        with socket_http(f"{self.folder}/api.sock", "/metrics") as text:
            for line in text.splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        return None

    def close(self):
        for process in (self.provider, self.daemon, self.fakes):
            process.stop()

    def logs(self):
        text = ""
        for name in ("secrets-agent", "secrets-agent-csi"):
            with open(f"{self.folder}/{name}.log", errors="replace") as file:
                text += f"--- {name}\n{file.read()}"
        return text


class socket_http:
    """A GET over a Unix socket, as a context of its body."""

    def __init__(self, path, target):
        import http.client
        import socket

        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        connection.sock.connect(path)
        connection.request("GET", target)
        self.text = connection.getresponse().read().decode()

    def __enter__(self):
        return self.text

    def __exit__(self, *_):
        pass


def wait_for(condition, what, seconds=120):
    """Until `condition` is true; a busy machine may take its time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
