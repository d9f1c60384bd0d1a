"""Pods' volumes by the built provider and daemon, as the driver sees them: volumes.py BINARIES PROTO CASE."""

import os
import sys
import tempfile
import time

import yaml

import driver as double
import identities
import logins
from doubles import AGENT, give_loopback
from pods import NAMES, refused, seed, vault_class, volume
from scene import Issuer, Scene, wait_for


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
    refused(of(missing), "NOT_FOUND", "GONE")
    refused(of(vault_class(scene, "web", ["S0"]) | {"secrets": good["secrets"].replace("field: value", "field: none")}),
            "NOT_FOUND", "value")
    # One that needs a person, among many that another try may cure, is no case for the driver's own tries.
    away = "away: {provider: hashicorp_vault, address: 'http://127.0.0.1:9', auth: {method: jwt, role: web, jwt_file: /t}}"
    refused(of({"secret_providers": good["secret_providers"] + away, "secrets": missing["secrets"]
                + "B: {from: away, mount: secret, secret_path: b, field: a}\n"}), "NOT_FOUND", "GONE", "away")
    refused(of({"secret_providers": away, "secrets": "B: {from: away, mount: secret, secret_path: b, field: a}\n"}),
            "UNAVAILABLE", "secrets.B", "127.0.0.1")
    narrow = volume(scene, issuer, "web", "web-1", good | {"filePermission": "0440"})
    driver.mount(narrow)
    assert set(narrow.modes().values()) == {0o440}


def shipped(scene, issuer, driver):
    """The class of config/deploy, under the policy that stands beside it."""
    path = os.path.join(os.path.dirname(sys.argv[2]), "../../config/deploy/kubernetes-csi.yaml")
    with open(path) as file:
        objects = {each["kind"]: each for each in yaml.safe_load_all(file)}
    policy = yaml.safe_load(objects["ConfigMap"]["data"]["policy.yaml"])
    scene.write_policy(**policy | {"addresses": policy["addresses"] + ["127.0.0.1"]})
    scene.reload()
    parameters = objects["SecretProviderClass"]["spec"]["parameters"]
    assert "https://vault.example.com:8200" in parameters["secret_providers"] and "vault.example.com" in policy["addresses"]

    def at(address):
        providers = parameters["secret_providers"].replace("https://vault.example.com:8200", address)
        return volume(scene, issuer, "web", "web-1", parameters | {"secret_providers": providers})

    refused(lambda: driver.mount(at("https://elsewhere.example:8200")), "PERMISSION_DENIED", "addresses")
    pod = at(scene.addresses["vault"])
    driver.mount(pod)
    assert pod.files() == {"DB_PASSWORD": b"first of the class"} and pod.modes() == {"DB_PASSWORD": 0o440}


def main():
    binaries, proto, case = sys.argv[1:4]
    if case == "pod_identity":
        give_loopback(AGENT)
    issuer = Issuer()
    scene = Scene(binaries, seed(issuer))
    try:
        driver = double.Driver(scene.socket, proto)
        driver.version()
        cases = {"hundred_pods": hundred_pods, "outage": outage, "faults": faults, "shipped": shipped} | logins.CASES | identities.CASES
        cases[case](scene, issuer, driver)
        # No token and no value is ever told.
        logs = scene.logs()
        assert "first S" not in logs and "eyJ" not in logs, "the logs repeat a value or a token"
    except BaseException:
        print(scene.logs(), file=sys.stderr)
        raise
    finally:
        scene.close()


if sys.argv[3] == "pod_identity" and len(sys.argv) == 4:
    os.execvp("unshare", ["unshare", "-rn", sys.executable, __file__, *sys.argv[1:], "alone"])
with tempfile.TemporaryDirectory() as tempfile.tempdir:
    main()
