"""Pods' volumes by the built provider and daemon, as the driver sees them: volumes.py BINARIES PROTO CASE."""

import sys
import time

import driver as double
from scene import ISSUER, Issuer, Scene, wait_for

NAMES = [f"S{number}" for number in range(10)]
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
ROLE = "arn:aws:iam::123456789012:role/pod"


def seed(issuer, accounts=("web", "api")):
    roles = [
        {"mount": "jwt", "role": account, "public_key": issuer.public_key, "issuer": ISSUER, "audience": "vault",
         "subject": f"system:serviceaccount:shop:{account}"} for account in accounts]
    secrets = [
        {"mount": "secret", "path": f"web/{name.lower()}", "versions": [{"value": f"first {name}"}]} for name in NAMES]
    federation = {
        "client_id": "web", "issuer": ISSUER, "subject": "system:serviceaccount:shop:web",
        "audience": "api://AzureADTokenExchange", "public_key": issuer.public_key}
    return {
        "vault": {"jwt_roles": roles, "secrets": secrets},
        "aws": {
            "secrets": [{"name": "web/db", "value": {"password": "of aws"}}],
            "web_identity_roles": [
                {"arn": ROLE, "public_key": issuer.public_key, "issuer": ISSUER, "audience": "sts.amazonaws.com",
                 "subject": "system:serviceaccount:shop:web"}]},
        "azure": {"federations": [federation], "secrets": [{"name": "web-db", "value": "of azure"}]},
        "gcp": {
            "pools": [{"audience": POOL, "issuer": ISSUER, "allowed_audiences": [], "public_key": issuer.public_key}],
            "secrets": [{"name": "web-db", "value": "of google", "project": "demo-project"}]}}


def vault_class(scene, role, names=NAMES, refresh="1h", more=""):
    """The parameters of a SecretProviderClass."""
    entries = "".join(
        f"{name}: {{from: vault, mount: secret, secret_path: web/{name.lower()}, field: value, refresh: {refresh}}}\n"
        for name in names)
    return {
        "secret_providers":
            f"vault:\n  provider: hashicorp_vault\n  address: {scene.addresses['vault']}\n"
            f"  auth: {{method: jwt, role: {role}, jwt_file: /var/run/secrets/tokens/vault}}\n",
        "secrets": entries + more}


def volume(scene, issuer, account, pod, parameters=None, audiences=("vault",), in_secrets=False):
    tokens = {audience: issuer.token("shop", account, audience) for audience in audiences}
    return double.Volume(parameters or vault_class(scene, account), "shop", account, pod, tokens, in_secrets)


def refused(call, code, *words):
    try:
        call()
    except double.Refused as refusal:
        assert refusal.code == code, refusal
        for word in words:
            assert word in refusal.message, f"{word!r} is not in {refusal.message!r}"
        return
    raise AssertionError(f"{code} was expected")


def hundred_pods(scene, issuer, driver):
    pods = [volume(scene, issuer, account, f"{account}-{number}") for number in range(50) for account in ("web", "api")]
    for pod in pods:
        versions = driver.mount(pod, attempts=3)
        assert versions == {name: "1" for name in NAMES}, versions
        assert pod.files() == {name: f"first {name}".encode() for name in NAMES}
        assert set(pod.modes().values()) == {0o644}
    asked = scene.requests()
    assert asked.count("POST /v1/auth/jwt/login") == 2, asked
    for name in NAMES:
        # Nothing is shared between identities.
        assert asked.count(f"GET /v1/secret/data/web/{name.lower()}") == 2, asked
    scene.ask("vault", "DELETE", "/_fake/requests")
    for pod in pods:
        driver.mount(pod)
    assert scene.requests() == [], scene.requests()
    assert scene.metric("secrets_agent_volumes") == 2, scene.metric("secrets_agent_volumes")


def outage(scene, issuer, driver):
    pod = volume(scene, issuer, "web", "web-1", vault_class(scene, "web", refresh="1s"))
    driver.mount(pod)
    held = pod.files()
    for fault in ({"fault": "status", "argument": 503, "on": "GET /v1/secret/*"},
                  {"fault": "retry_after", "argument": 1, "on": "GET /v1/secret/*"}):
        stale = scene.metric("secrets_agent_volume_stale_mounts_total")
        scene.ask("vault", "POST", "/_fake/faults", fault)

        def goes_on():
            driver.mount(pod)
            assert pod.files() == held
            return scene.metric("secrets_agent_volume_stale_mounts_total") > stale

        wait_for(goes_on, "a stale mount to be counted")
        scene.ask("vault", "DELETE", "/_fake/faults")

    # Rotated: the new value comes by a later call, with its version.
    scene.ask("vault", "POST", "/_fake/faults", {
        "fault": "reply", "on": "GET /v1/secret/data/web/s0", "argument": {"status": 200, "body": rotated()}})

    def is_rotated():
        driver.mount(pod)
        return pod.files()["S0"] == b"second"

    wait_for(is_rotated, "the rotated value")
    assert pod.versions["S0"] == "2" and pod.versions["S1"] == "1", pod.versions


def rotated():
    return ('{"data": {"data": {"value": "second"}, "metadata": {"version": 2, "created_time": "2026-01-01T00:00:00Z",'
            ' "deletion_time": "", "destroyed": false}}}')


def clouds(scene, issuer, driver):
    aws = {
        "secret_providers":
            f"aws:\n  provider: aws_secrets_manager\n  region: us-east-1\n  endpoint_url: {scene.addresses['aws']}\n"
            f"  auth: {{method: web_identity, role: '{ROLE}'}}\n",
        "secrets": "DB: {from: aws, secret_id: web/db, field: password}\n"}
    azure = {
        "secret_providers":
            f"azure:\n  provider: azure_key_vault\n  vault_url: {scene.addresses['azure']}\n"
            "  auth: {method: workload_identity, tenant_id: 5f3c2a10-0000-4000-8000-00000000a2ce, client_id: web}\n",
        "secrets": "DB: {from: azure, secret_name: web-db}\n"}
    for parameters, audience, value in (
            (aws, "sts.amazonaws.com", b"of aws"), (azure, "api://AzureADTokenExchange", b"of azure")):
        pod = volume(scene, issuer, "web", "web-1", parameters, (audience, "vault"), in_secrets=True)
        driver.mount(pod)
        assert pod.files() == {"DB": value}, pod.files()
        # Another account's token is another identity, which the stores do not know.
        stranger = volume(scene, issuer, "api", "api-1", parameters, (audience,))
        refused(lambda: driver.mount(stranger), "UNAUTHENTICATED", "DB")
    # Without a token for the cloud nothing else is tried: not the node's own keys.
    bare = volume(scene, issuer, "web", "web-1", aws, ("vault",))
    bare.parameters = aws | {"secrets": "OTHER: {from: aws, secret_id: web/db, field: password}\n"}
    driver_default = dict(bare.parameters)
    driver_default["secret_providers"] = driver_default["secret_providers"].replace(
        f"  auth: {{method: web_identity, role: '{ROLE}'}}\n", "")
    bare.parameters = driver_default
    refused(lambda: driver.mount(bare), "UNAUTHENTICATED", "OTHER")


def faults(scene, issuer, driver):
    def of(parameters, **more):
        return lambda: driver.mount(volume(scene, issuer, "web", "web-1", parameters, **more))

    good = vault_class(scene, "web")
    refused(of({"secrets": good["secrets"]}), "INVALID_ARGUMENT", "parameters.secret_providers", "required")
    refused(of(good | {"secret_providers": "vault: {provider: vualt}"}), "INVALID_ARGUMENT", "secret_providers.vault")
    refused(of(good | {"secrets": "A: {from: vault}"}), "INVALID_ARGUMENT", "secrets.A.field", "secrets.A.mount")
    refused(of(good | {"filePermission": "0999"}), "INVALID_ARGUMENT", "filePermission")
    # A file of the node is no business of a pod's.
    refused(
        of({"secret_providers": "f: {provider: file}", "secrets": "A: {from: f, path: /etc/passwd}"}),
        "PERMISSION_DENIED", "file_roots")
    refused(of(vault_class(scene, "api")), "UNAUTHENTICATED", "login")
    bare = double.Volume(good, "shop", "nobody", "nobody-1", {})
    refused(lambda: driver.mount(bare), "UNAUTHENTICATED", "brought no token for vault", "tokenRequests")
    # A refusal is told at each call, and soon.
    again = volume(scene, issuer, "web", "web-1", vault_class(scene, "api"))
    for _ in range(3):
        began = time.monotonic()
        refused(lambda: driver.mount(again), "UNAUTHENTICATED", "login")
        assert time.monotonic() - began < 15
    missing = vault_class(scene, "web", ["S0"], more="GONE: {from: vault, mount: secret, secret_path: no, field: a}\n")
    refused(of(missing), "UNAVAILABLE", "GONE")
    narrow = volume(scene, issuer, "web", "web-1", good | {"filePermission": "0440"})
    driver.mount(narrow)
    assert set(narrow.modes().values()) == {0o440}
    # The daemon gone and back: files stay, and the next call has values.
    held = narrow.files()
    scene.daemon.stop()
    refused(lambda: driver.mount(narrow), "UNAVAILABLE", "values")
    assert narrow.files() == held
    scene.daemon = scene.start_daemon()
    driver.mount(narrow, attempts=3)
    assert narrow.files() == held


def main():
    binaries, proto, case = sys.argv[1:4]
    issuer = Issuer()
    scene = Scene(binaries, seed(issuer))
    try:
        driver = double.Driver(scene.socket, proto)
        driver.version()
        {"hundred_pods": hundred_pods, "outage": outage, "clouds": clouds, "faults": faults}[case](scene, issuer, driver)
        # No token and no value is ever told.
        logs = scene.logs()
        assert "first S" not in logs and "eyJ" not in logs, "the logs repeat a value or a token"
    except BaseException:
        print(scene.logs(), file=sys.stderr)
        raise
    finally:
        scene.close()


main()
