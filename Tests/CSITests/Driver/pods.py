"""Stores that know two service accounts, and pods of theirs with the classes that they mount."""

import driver as double
from scene import ISSUER, NODE_KEY

NAMES = [f"S{number}" for number in range(10)]
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
ROLE = "arn:aws:iam::123456789012:role/pod"
UPLOADS = "arn:aws:iam::123456789012:role/uploads"
EKS_KEY = {"id": "ASIAOFWEB", "secret": "the pod's", "session_token": "by EKS"}


def seed(issuer, accounts=("web", "api")):
    roles = [
        {"mount": "jwt", "role": account, "public_key": issuer.public_key, "issuer": ISSUER, "audience": "vault",
         "subject": f"system:serviceaccount:shop:{account}"} for account in accounts]
    roles.append(roles[0] | {"mount": "kubernetes"})
    secrets = [
        {"mount": "secret", "path": f"web/{name.lower()}", "versions": [{"value": f"first {name}"}]} for name in NAMES]
    secrets.append({"mount": "secret", "path": "web/db", "versions": [{"password": "first of the class"}]})
    federation = {
        "client_id": "web", "issuer": ISSUER, "subject": "system:serviceaccount:shop:web",
        "audience": "api://AzureADTokenExchange", "public_key": issuer.public_key}
    return {
        "vault": {"jwt_roles": roles, "secrets": secrets},
        "aws": {
            "access_keys": [EKS_KEY, NODE_KEY], "roles": [{"arn": UPLOADS}],
            "secrets": [{"name": "web/db", "value": {"password": "of aws"}}],
            "web_identity_roles": [
                {"arn": ROLE, "public_key": issuer.public_key, "issuer": ISSUER, "audience": "sts.amazonaws.com",
                 "subject": "system:serviceaccount:shop:web"}]},
        "azure": {"clients": [{"client_id": "node", "client_secret": NODE_KEY["secret"]}], "system_identity": "node",
                  "federations": [federation], "secrets": [{"name": "web-db", "value": "of azure"}]},
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


def volume(
        scene, issuer, account, pod, parameters=None, audiences=("vault",), in_secrets=False, seconds=3600):
    tokens = {audience: issuer.token("shop", account, audience, seconds) for audience in audiences}
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
