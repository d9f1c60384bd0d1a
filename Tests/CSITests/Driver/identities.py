"""That a pod is its service account and nothing else, and what outlives changes around it."""

import driver as double
from pods import NAMES, refused, vault_class, volume
from scene import wait_for

LOGIN = "POST /v1/auth/jwt/login"


def strangers(scene, issuer, driver):
    """One class, two service accounts: what one may read says nothing of the other."""
    good = vault_class(scene, "web")
    web = volume(scene, issuer, "web", "web-1", good)
    driver.mount(web)
    api = volume(scene, issuer, "api", "api-1", good)
    # Nothing of the other pod's leads to its values: not its folder, its name, nor its versions.
    api.folder, api.pod, api.versions = web.folder, web.pod, dict(web.versions)
    refused(lambda: driver.mount(api), "UNAUTHENTICATED", "login")
    # The same account's name elsewhere is another account.
    elsewhere = double.Volume(good, "bank", "web", "web-1", {"vault": issuer.token("bank", "web", "vault")})
    refused(lambda: driver.mount(elsewhere), "UNAUTHENTICATED", "login")
    # A token of another account, as a pod's author may put one into a class of his; and what is none.
    scene.ask("vault", "DELETE", "/_fake/requests")
    for token in (issuer.token("shop", "web", "vault"), issuer.token("bank", "api", "vault"), "hvs.token", "a.b.c", "a.e30.c"):
        stolen = double.Volume(good, "shop", "api", "api-2", {"vault": token})
        refused(lambda: driver.mount(stolen), "INVALID_ARGUMENT", "the token for vault is not one of the service account shop/api")
    assert scene.requests() == [], scene.requests()
    # One for another audience is not given to Vault by the first who asks, and its refusal says so.
    other = volume(scene, issuer, "web", "web-2", vault_class(scene, "web", refresh="2h"), ("https://elsewhere.example", "x"))
    driver.mount(other)
    assert web.files() == other.files() and scene.requests().count(LOGIN) == 0, scene.requests()


def rotations(scene, issuer, driver):
    """Pods, their tokens and their class are replaced."""
    parameters = vault_class(scene, "web")
    ended = volume(scene, issuer, "web", "web-1", parameters, seconds=-60)
    refused(lambda: driver.mount(ended), "UNAUTHENTICATED", "login")
    # The kubelet brings a new token: it is tried in the call that brings it.
    pod = volume(scene, issuer, "web", "web-1", parameters)
    wait_for(lambda: mounts(driver, pod), "the new token to be tried")
    held = pod.files()
    scene.ask("vault", "DELETE", "/_fake/requests")
    # An ended one beside it changes nothing while the login lives.
    driver.mount(ended)
    assert ended.files() == held and scene.requests() == [], scene.requests()
    # The pod is replaced by one of the same account and the same name.
    again = volume(scene, issuer, "web", "web-1", parameters)
    driver.mount(again)
    assert again.files() == held and scene.requests() == [], scene.requests()
    # The class is changed between two calls: what it has in common with the one before is fetched once.
    pod.parameters = vault_class(scene, "web", NAMES[:3])
    driver.mount(pod)
    assert sorted(pod.files()) == sorted(pod.versions) == NAMES[:3], pod.files()
    assert scene.requests() == [], scene.requests()
    # A class that became faulty keeps the files.
    pod.parameters = parameters | {"secrets": "S0: {from: nobody}"}
    refused(lambda: driver.mount(pod), "INVALID_ARGUMENT", "nobody")
    assert sorted(pod.files()) == NAMES[:3]


def mounts(driver, pod):
    try:
        driver.mount(pod)
        return True
    except double.Refused as refusal:
        assert refusal.code == "UNAUTHENTICATED", refusal
        return False


def restarts(scene, issuer, driver):
    pods = [volume(scene, issuer, "web", f"web-{number}") for number in range(2)]
    for pod in pods:
        driver.mount(pod)
    held, versions = pods[0].files(), dict(pods[0].versions)
    scene.ask("vault", "DELETE", "/_fake/requests")
    scene.restart_provider()
    for pod in pods:
        # With what a driver of today sends, and with what one sends that knows what is there.
        for known in ({}, versions):
            pod.versions = dict(known)
            assert driver.mount(pod, attempts=3) == versions
    assert scene.requests() == [], scene.requests()
    # The daemon has its values in memory only: one login and one fetch each, with the tokens that come along.
    scene.daemon.stop()
    refused(lambda: driver.mount(pods[0]), "UNAVAILABLE", "values")
    assert pods[0].files() == held
    scene.ask("vault", "DELETE", "/_fake/requests")
    scene.daemon = scene.start_daemon()
    for pod in pods:
        assert driver.mount(pod, attempts=3) == versions and pod.files() == held
    asked = scene.requests()
    assert asked.count(LOGIN) == 1 and sum("/data/" in line for line in asked) == len(NAMES), asked
    # A reload with another policy counts for what is mounted already.
    scene.write_policy(provider_types=["file"])
    scene.reload()
    refused(lambda: driver.mount(pods[0]), "PERMISSION_DENIED", "hashicorp_vault")
    assert pods[0].files() == held
    assert scene.metric("secrets_agent_volumes") == 0, scene.metric("secrets_agent_volumes")
    scene.write_policy()
    scene.reload()
    assert driver.mount(pods[0], attempts=3) == versions


CASES = {"strangers": strangers, "rotations": rotations, "restarts": restarts}
