"""The files of config/deploy by those who read them: deployment.py BINARIES ROOT CASE.

Each reader is shown a faulty file too, so that what it finds nothing wrong with was read.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

import compose_spec
import hcl2
import jsonschema
import kubernetes_validate
import yaml
from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2  # noqa: F401, known by its name in the file
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format

# What the driver's definition of the class has (secrets-store-csi-driver, config/crd/bases); it prunes what it does not know.
CLASS = {
    "type": "object", "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "secrets-store.csi.x-k8s.io/v1"},
        "spec": {
            "type": "object", "additionalProperties": False, "required": ["provider", "parameters"],
            "properties": {
                "provider": {"type": "string"},
                "parameters": {"type": "object", "additionalProperties": {"type": "string"}},
                "secretObjects": {"type": "array"}}}}}
# The oldest that has native sidecars, and the newest that the reader knows.
KUBERNETES = ("1.29", "1.37")
USAGE = 64


def text(name):
    with open(os.path.join(ROOT, "config/deploy", name)) as file:
        return file.read()


def documents(name):
    return list(yaml.safe_load_all(text(name)))


def refuses(read, faulty):
    try:
        read(faulty)
    except Exception:
        return
    raise AssertionError("the reader takes a faulty file")


# The agent's own reader.


def agent(*arguments):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    run = subprocess.run(
        [f"{BINARIES}/secrets-agent", *arguments], capture_output=True, text=True, env=environment, timeout=60)
    return run.returncode, run.stdout + run.stderr


def accepted(*arguments):
    status, said = agent(*arguments)
    assert status == 0, f"secrets-agent {' '.join(arguments)}: {status}\n{said}"


def understood(command):
    """The arguments of the agent in a container's command: nothing is there that they lead to."""
    assert command[0] == "secrets-agent", command
    status, said = agent(*command[1:])
    assert status not in (0, USAGE), f"{command}: {status}\n{said}"


def check(files):
    """A configuration with its policy and documents, which are where it says that they are."""
    folder = tempfile.mkdtemp()
    for name, content in files.items():
        with open(f"{folder}/{name}", "w") as file:
            file.write(content.replace("/etc/secrets-agent/", f"{folder}/"))
    if "agent.yaml" in files:
        os.makedirs(f"{folder}/executions", exist_ok=True)
        accepted("check", "--config", f"{folder}/agent.yaml")
    for name in files.keys() - {"agent.yaml", "policy.yaml"}:
        policy = ["--policy", f"{folder}/policy.yaml"] if "policy.yaml" in files else []
        accepted("check", "--strict", *policy, f"{folder}/{name}")


# Kubernetes.


def kubernetes():
    names = [os.path.basename(path) for path in sorted(glob.glob(f"{ROOT}/config/deploy/kubernetes*.yaml"))]
    assert len(names) == 3, names
    objects = {name: documents(name) for name in names}
    maps = {each["metadata"]["name"]: each["data"] for each in sum(objects.values(), []) if each["kind"] == "ConfigMap"}
    for each in sum(objects.values(), []):
        read_object(each)
        pod = each["spec"] if each["kind"] == "Pod" else each.get("spec", {}).get("template", {}).get("spec")
        if pod:
            check_pod(pod, maps)
            refuses(read_object, changed(each, "containers", "container"))
        if each["kind"] == "SecretProviderClass":
            refuses(read_object, each | {"spec": each["spec"] | {"parameter": {}}})
            blocks = each["spec"]["parameters"]
            check({"class.yaml": "".join(
                f"{name}:\n" + re.sub("(?m)^", "  ", blocks[name]) + "\n" for name in ("secret_providers", "secrets"))})
    for data in maps.values():
        check(data)


def read_object(each):
    if each["kind"] == "SecretProviderClass":
        return jsonschema.validate(each, CLASS)
    for version in KUBERNETES:
        kubernetes_validate.validate(each, version, strict=True)


def changed(each, old, new):
    """The same with a key of another name."""
    if isinstance(each, dict):
        return {new if key == old else key: changed(value, old, new) for key, value in each.items()}
    return [changed(value, old, new) for value in each] if isinstance(each, list) else each


def check_pod(pod, maps):
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for volume in volumes.values():
        if "configMap" in volume:
            keys = maps[volume["configMap"]["name"]]
            assert all(item["key"] in keys for item in volume["configMap"].get("items", [])), volume
        if "emptyDir" in volume:
            assert volume["emptyDir"]["medium"] == "Memory" and volume["emptyDir"]["sizeLimit"], volume
    for container in pod.get("initContainers", []) + pod["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys(), container
        if container["image"].startswith("registry.example.com/secrets-agent:"):
            understood(["secrets-agent", *container["args"]])
            for probe in ("startupProbe", "readinessProbe"):
                if probe in container:
                    understood(container[probe]["exec"]["command"])


# Nomad.


def nomad():
    def unquoted(value):
        if isinstance(value, dict):
            return {unquoted(key): unquoted(each) for key, each in value.items() if key != "__is_block__"}
        if isinstance(value, list):
            return [unquoted(each) for each in value]
        return value[1:-1] if isinstance(value, str) and value[:1] == '"' == value[-1:] else value

    def task(name):
        read = unquoted(hcl2.loads(text(name)))
        return read["job"][0]["web"]["group"][0]["web"]["task"][0]["web"]

    refuses(hcl2.loads, text("nomad.hcl").rstrip()[:-1])
    plugin = task("nomad.hcl")
    assert plugin["secret"][0]["app"] == {"provider": "secrets-agent", "path": "web"}, plugin
    assert plugin["env"][0] == {"DB_PASSWORD": "${secret.app.DB_PASSWORD}"}, plugin
    identity = task("nomad-workload-identity.hcl")
    assert identity["identity"][0]["file"] is True, identity
    files = {}
    for template in identity["template"]:
        head, *lines, _ = template["data"].split("\n")
        assert head == "<<-YAML", head
        margin = min(len(line) - len(line.lstrip()) for line in lines)
        folder, name = template["destination"].split("/")
        assert folder == "local", template
        files[name] = "".join(f"{line[margin:]}\n" for line in lines).replace('{{ env "NOMAD_SECRETS_DIR" }}', "/secrets")
    assert f"/secrets/nomad_{identity['identity'][0]['name']}.jwt" in files["web.yaml"], files
    check(files)
    config = identity["config"][0]
    assert {f"${{NOMAD_TASK_DIR}}/{name}" for name in files} <= set(config["args"]), config
    understood([os.path.basename(config["command"]), *config["args"]])


# Envoy, Docker Compose, systemd.


def envoy():
    bootstrap, certificate = documents("envoy.yaml")

    def read(bootstrap):
        return json_format.ParseDict(bootstrap, bootstrap_pb2.Bootstrap())

    refuses(read, changed(bootstrap, "transport_socket", "transport_sockets"))
    context = tls_pb2.DownstreamTlsContext()
    read(bootstrap).static_resources.listeners[0].filter_chains[0].transport_socket.typed_config.Unpack(context)
    source = context.common_tls_context.tls_certificate_sds_secret_configs[0]
    secret = secret_pb2.Secret()
    json_format.ParseDict(certificate, discovery_pb2.DiscoveryResponse()).resources[0].Unpack(secret)
    assert source.name == secret.name and source.sds_config.path_config_source.path in text("envoy.yaml")
    # Both files are beneath the folder whose change is waited for.
    pair, folder = secret.tls_certificate, secret.tls_certificate.watched_directory.path
    for file in (pair.certificate_chain.filename, pair.private_key.filename):
        assert os.path.dirname(file) == folder, file


def compose():
    read = compose_spec.PyCompose.from_yaml
    refuses(read, text("compose.yaml").replace("read_only:", "readonly:"))
    assert len(read(text("compose.yaml"))) == 2
    services = documents("compose.yaml")[0]["services"]
    understood(["secrets-agent", *services["secrets-agent"]["command"]])
    assert services["secrets-agent"]["healthcheck"]["test"][0] == "CMD"
    understood(services["secrets-agent"]["healthcheck"]["test"][1:])


def systemd():
    """The unit of a user; the agent's own are held against systemd by ServiceUnitTests."""
    unit = text("web.service").replace("/usr/local/bin/web", "/bin/true")

    def read(unit):
        path = f"{tempfile.mkdtemp()}/web.service"
        with open(path, "w") as file:
            file.write(unit)
        run = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True)
        assert run.returncode == 0 and "web.service:" not in run.stderr, run.stderr

    read(unit)
    refuses(read, unit.replace("LoadCredential=", "LoadCredentials="))
    status, said = agent("schema", "agent")
    sockets = set(re.findall(r"LoadCredential=\w+:(\S+)", unit))
    assert status == 0 and len(sockets) == 1 and sockets.pop() in said


BINARIES, ROOT = sys.argv[1:3]
CASES = {"kubernetes": kubernetes, "nomad": nomad, "envoy": envoy, "compose": compose, "systemd": systemd}
with tempfile.TemporaryDirectory() as tempfile.tempdir:
    CASES[sys.argv[3]]()
