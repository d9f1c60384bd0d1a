"""Who a pod's tokens are given to beside the stores: EKS's Pod Identity agent, and Google's token exchange behind a proxy."""

import datetime
import fcntl
import http.client
import http.server
import json
import socket
import ssl
import struct
import threading

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

AGENT = "169.254.170.23"


def give_loopback(address):
    """Has `lo`, in a network namespace of one's own, up and with one more address."""
    SIOCSIFADDR, SIOCSIFFLAGS, UP = 0x8916, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP))
        fcntl.ioctl(
            control, SIOCSIFADDR,
            struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address)))


class Server:
    """An HTTP server on a thread; `requests` has what was asked, as (line, headers)."""

    def __init__(self, address, answer, methods=("GET", "POST")):
        requests = self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                requests.append((self.requestline.rsplit(" ", 1)[0], dict(self.headers), body))
                answer(self, body)

            def log_message(self, *_):
                pass

        for method in methods:
            setattr(Handler, f"do_{method}", Handler.handle_any)
        self.server = http.server.ThreadingHTTPServer(address, Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server.server_address[1]


class Agent(Server):
    """As EKS's agent answers (github.com/aws/eks-pod-identity-agent), with EKS behind it: `associations` are keys by subject."""

    def __init__(self, issuer, associations):
        self.issuer, self.associations = issuer, associations
        super().__init__((AGENT, 80), self.answer)

    def answer(self, request, _):
        status, text = self.decide(request)
        request.send_response(status)
        request.send_header("Content-Type", "application/json" if status == 200 else "text/plain; charset=utf-8")
        request.end_headers()
        request.wfile.write(text.encode())

    def decide(self, request):
        if request.path != "/v1/credentials":
            return 404, "404 page not found\n"
        if request.headers["Host"] not in (AGENT, f"{AGENT}:80"):
            return 403, f"Access Denied. Called agent through invalid address, not {request.headers['Host']}\n"
        try:
            # The header is the token, without a scheme.
            claims = jwt.decode(request.headers["Authorization"], options={"verify_signature": False, "verify_aud": False})
        except jwt.PyJWTError as error:
            return 400, f"Service account token cannot be parsed: {error}\n"
        try:
            jwt.decode(
                request.headers["Authorization"], self.issuer.public_key, ["RS256"], audience="pods.eks.amazonaws.com")
        except jwt.PyJWTError:
            return 400, "[7a]: (InvalidTokenException): The token included in the request is not valid, fault: client\n"
        key = self.associations.get(claims["sub"])
        if key is None:
            return 404, "[7a]: (ResourceNotFoundException): No association found for the service account, fault: client\n"
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=6)
        return 200, json.dumps({
            "AccessKeyId": key["id"], "SecretAccessKey": key["secret"], "Token": key["session_token"],
            "AccountId": "123456789012", "Expiration": end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")})


class Exchange(Server):
    """A proxy that is sts.googleapis.com: it terminates TLS by its own authority, whose certificate is at `authority`, and has the
    fake Google Cloud answer."""

    NAME = "sts.googleapis.com"

    def __init__(self, folder, fake):
        self.fake = fake.removeprefix("http://")
        self.authority, self.exchanges = f"{folder}/authority.pem", []
        chain = f"{folder}/chain.pem"
        certificate(self.NAME, self.authority, chain)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain)
        super().__init__(("127.0.0.1", 0), self.tunnel, ("CONNECT",))

    def tunnel(self, request, _):
        if request.path != f"{self.NAME}:443":
            return request.send_error(403)
        request.send_response(200)
        request.end_headers()
        request.wfile.flush()
        request.close_connection = True
        try:
            with self.context.wrap_socket(request.connection, server_side=True) as peer:
                self.forward(peer)
        except OSError:
            pass

    def forward(self, peer):
        stream = peer.makefile("rwb")
        while line := stream.readline():
            method, path, _ = line.decode().split(" ")
            headers = http.client.parse_headers(stream)
            body = stream.read(int(headers.get("Content-Length", 0)))
            self.exchanges.append((f"{method} {path}", dict(headers), body.decode()))
            fake = http.client.HTTPConnection(self.fake, timeout=10)
            fake.request(method, path, body, {"Content-Type": headers["Content-Type"]})
            answer = fake.getresponse()
            text = answer.read()
            stream.write(
                f"HTTP/1.1 {answer.status} -\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode())
            stream.write(text)
            stream.flush()


def certificate(name, authority, chain):
    """Writes an authority's certificate, and a key with a certificate for `name` by it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("the test's authority", name)]
    made = []
    for index in range(2):
        builder = (
            x509.CertificateBuilder().subject_name(names[index]).issuer_name(names[0]).public_key(keys[index].public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=index == 0, path_length=None), critical=True))
        if index:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        made.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    with open(authority, "wb") as file:
        file.write(made[0])
    with open(chain, "wb") as file:
        file.write(keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + made[1])
