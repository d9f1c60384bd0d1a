"""How pods log in to clouds: with the tokens of their own service accounts, and with nothing else."""

import base64
import json
import urllib.parse

import doubles
from pods import EKS_KEY, POOL, ROLE, UPLOADS, refused, volume


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
    # Without a token for the cloud nothing else is tried: not another audience's, and not what is the node's.
    bare = volume(scene, issuer, "cron", "cron-1", aws, ("vault",))
    refused(lambda: driver.mount(bare), "UNAUTHENTICATED", "no token for sts.amazonaws.com; it has: vault")
    bare.parameters = with_auth(aws, None)
    refused(lambda: driver.mount(bare), "UNAUTHENTICATED", "no token for pods.eks.amazonaws.com", "give auth.role")
    # What the node has lies ready, and its policy lets its own documents use it: a class of any wording does not.
    for parameters, auth in (
            (aws, "{method: profile}"), (aws, "{method: profile, path: /root/.aws/credentials}"),
            (aws, "{method: instance_metadata}"), (aws, "{method: web_identity}"), (azure, None),
            (azure, "{method: managed_identity}"),
            (azure, "{method: client_secret, tenant_id: t, client_id: node, client_secret_env: AZURE_CLIENT_SECRET}")):
        pod = volume(scene, issuer, "web", "web-1", with_auth(parameters, auth), ("sts.amazonaws.com",))
        scene.ask("aws", "DELETE", "/_fake/requests")
        refused(lambda: driver.mount(pod), "PERMISSION_DENIED", "polic")
        assert scene.requests("aws") == [] and pod.files() == {}, auth


def with_auth(parameters, auth):
    lines = [line for line in parameters["secret_providers"].splitlines(True) if not line.startswith("  auth:")]
    return parameters | {"secret_providers": "".join(lines) + (f"  auth: {auth}\n" if auth else "")}


def google(scene, issuer, driver):
    """Google's token exchange has one name, which nothing changes: it is met behind a proxy."""
    exchange = doubles.Exchange(scene.folder, scene.addresses["gcp"])
    scene.restart_daemon({"HTTPS_PROXY": f"http://127.0.0.1:{exchange.port}", "SSL_CERT_FILE": exchange.authority})
    parameters = {
        "secret_providers": "gcp: {provider: gcp_secret_manager, project: demo-project}\n",
        "secrets": "DB: {from: gcp, secret: web-db}\n"}
    for pool in (POOL, "https:" + POOL):
        account = "web" if pool == POOL else "api"
        pod = volume(scene, issuer, account, f"{account}-1", parameters, (pool, "vault"))
        driver.mount(pod)
        driver.mount(volume(scene, issuer, account, f"{account}-2", parameters, (pool, "vault")))
        assert pod.files() == {"DB": b"of google"}, pod.files()
        line, headers, body = exchange.exchanges[-1]
        assert line == "POST /v1/token" and headers["Host"] == doubles.Exchange.NAME, (line, headers)
        # https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token: no Authorization, and these fields.
        assert "Authorization" not in headers, headers
        form = dict(urllib.parse.parse_qsl(body, strict_parsing=True))
        token = form.pop("subject_token")
        assert form == {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": POOL,
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, form
        claims = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        assert claims["sub"] == f"system:serviceaccount:shop:{account}" and claims["aud"] == [pool], claims
    # One exchange an identity, however many pods.
    assert len(exchange.exchanges) == 2, exchange.exchanges
    bare = volume(scene, issuer, "web", "web-3", parameters | {"secrets": "A: {from: gcp, secret: other}\n"}, (POOL,))
    refused(lambda: driver.mount(bare), "NOT_FOUND", "secrets.A")
    stranger = volume(scene, issuer, "cron", "cron-1", parameters, ("vault",))
    refused(lambda: driver.mount(stranger), "UNAUTHENTICATED", "no token for a workload identity pool", "tokenRequests")
    # One that the pool does not take.
    ended = volume(scene, issuer, "old", "old-1", parameters, (POOL,), seconds=-60)
    refused(lambda: driver.mount(ended), "UNAUTHENTICATED", "invalid_grant")
    assert len(exchange.exchanges) == 3, exchange.exchanges


def pod_identity(scene, issuer, driver):
    """EKS's agent is at an address of the node's that nothing changes: this runs in a network namespace of its own."""
    agent = doubles.Agent(issuer, {"system:serviceaccount:shop:web": EKS_KEY})
    provider = f"  region: us-east-1\n  endpoint_url: {scene.addresses['aws']}\n"
    secrets = {
        "secret_providers": f"aws:\n  provider: aws_secrets_manager\n{provider}",
        "secrets": "DB: {from: aws, secret_id: web/db, field: password}\n"}
    role = {
        "secret_providers": f"aws:\n  provider: aws_sts\n  role_arn: {UPLOADS}\n{provider}",
        "secrets": "UPLOAD: {from: aws}\n"}
    audiences = ("pods.eks.amazonaws.com", "sts.amazonaws.com", "vault")
    pods = [volume(scene, issuer, "web", f"web-{number}", secrets, audiences) for number in range(3)]
    for pod in pods:
        driver.mount(pod)
        assert pod.files() == {"DB": b"of aws"}, pod.files()
    assert [line for line, _, _ in agent.requests] == ["GET /v1/credentials"], agent.requests
    assert agent.requests[0][1]["Authorization"].count(".") == 2, "the token without a scheme"
    uploads = volume(scene, issuer, "web", "web-9", role, audiences)
    driver.mount(uploads)
    assert sorted(uploads.files()) == ["UPLOAD_ACCESS_KEY_ID", "UPLOAD_SECRET_ACCESS_KEY", "UPLOAD_SESSION_TOKEN"]
    stranger = volume(scene, issuer, "api", "api-1", secrets, audiences)
    refused(lambda: driver.mount(stranger), "UNAUTHENTICATED", "ResourceNotFoundException", "pod identity association")
    ended = volume(scene, issuer, "cron", "cron-1", secrets, audiences, seconds=-60)
    refused(lambda: driver.mount(ended), "UNAUTHENTICATED", "InvalidTokenException")
    bare = volume(scene, issuer, "old", "old-1", role, ("sts.amazonaws.com",))
    refused(lambda: driver.mount(bare), "UNAUTHENTICATED", "no token for pods.eks.amazonaws.com", "give auth.role")


CASES = {"clouds": clouds, "google": google, "pod_identity": pod_identity}
