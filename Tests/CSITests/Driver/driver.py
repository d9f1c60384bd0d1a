"""A strict double of the Secrets Store CSI driver: it calls a provider as the driver does, checks an answer as the driver does, and
writes volumes as the driver does. The protocol comes from the provider's .proto, compiled when this starts.
"""

import importlib
import json
import os
import posixpath
import shutil
import sys
import tempfile
import time

import grpc
from grpc_tools import protoc

TOKENS = "csi.storage.k8s.io/serviceAccount.tokens"


def protocol(proto):
    """The messages and the stub of the service definition at `proto`."""
    folder = tempfile.mkdtemp()
    status = protoc.main(
        ["protoc", f"-I{os.path.dirname(proto)}", f"--python_out={folder}", f"--grpc_python_out={folder}", proto])
    assert status == 0, "the service definition does not compile"
    sys.path.insert(0, folder)
    name = os.path.basename(proto).removesuffix(".proto")
    return importlib.import_module(f"{name}_pb2"), importlib.import_module(f"{name}_pb2_grpc")


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Driver:
    def __init__(self, socket, proto):
        self.messages, stubs = protocol(proto)
        self.channel = grpc.insecure_channel(f"unix://{socket}")
        self.stub = stubs.CSIDriverProviderStub(self.channel)

    def version(self):
        answer = self.stub.Version(self.messages.VersionRequest(version="v1alpha1"), timeout=5)
        assert answer.version == "v1alpha1" and answer.runtime_name and answer.runtime_version, answer
        return answer

    def mount(self, volume, attempts=1):
        """Fills a volume; UNAVAILABLE is tried again, as the driver's service configuration says."""
        request = self.messages.MountRequest(
            attributes=json.dumps(volume.attributes()), secrets=json.dumps(volume.secrets), permission="420",
            target_path=volume.folder,
            current_object_version=[
                self.messages.ObjectVersion(id=name, version=version) for name, version in volume.versions.items()])
        for attempt in range(attempts):
            try:
                answer = self.stub.Mount(request, timeout=60)
                break
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE or attempt + 1 == attempts:
                    raise Refused(error.code().name, error.details()) from None
                time.sleep(1)
        assert not answer.error.code, answer.error
        assert answer.object_version, "missing object versions"
        versions = {object.id: object.version for object in answer.object_version}
        assert len(versions) == len(answer.object_version), "two objects of one id"
        for file in answer.files:
            check(file)
        volume.write(answer.files)
        volume.versions = versions
        return versions


def check(file):
    path = file.path
    assert path and not path.startswith("/") and not path.startswith(".."), path
    assert ".." not in path.split("/") and posixpath.normpath(path) == path, path
    assert 0 <= file.mode <= 0o777, file.mode


class Volume:
    """One pod's volume: what its class says, who the pod is, and the folder."""

    def __init__(self, parameters, namespace, account, pod, tokens, in_secrets=False):
        self.parameters, self.namespace, self.account, self.pod = parameters, namespace, account, pod
        self.tokens = {audience: {"token": token, "expirationTimestamp": "2099-01-01T00:00:00Z"}
                       for audience, token in tokens.items()}
        self.in_secrets = in_secrets
        self.folder = tempfile.mkdtemp(prefix="volume-")
        self.versions = {}

    @property
    def secrets(self):
        return {TOKENS: json.dumps(self.tokens)} if self.in_secrets else None

    def attributes(self):
        kubelet = {
            "csi.storage.k8s.io/pod.name": self.pod, "csi.storage.k8s.io/pod.namespace": self.namespace,
            "csi.storage.k8s.io/pod.uid": "6f6c1a2e-0000-4000-8000-000000000001",
            "csi.storage.k8s.io/serviceAccount.name": self.account, "csi.storage.k8s.io/ephemeral": "true",
            "secretProviderClass": "web"}
        if not self.in_secrets:
            kubelet[TOKENS] = json.dumps(self.tokens)
        return self.parameters | kubelet

    def write(self, files):
        """A folder of its own for each content, and a link that is moved to it (Kubernetes' AtomicWriter)."""
        if self.files() == {file.path: file.contents for file in files}:
            return
        place = tempfile.mkdtemp(prefix="..", dir=self.folder)
        for file in files:
            target = os.path.join(place, file.path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(descriptor, file.contents)
            os.fchmod(descriptor, file.mode)
            os.close(descriptor)
        link = os.path.join(self.folder, "..data")
        before = os.readlink(link) if os.path.islink(link) else None
        os.symlink(os.path.basename(place), link + "_tmp")
        os.rename(link + "_tmp", link)
        if before:
            shutil.rmtree(os.path.join(self.folder, before))

    def files(self):
        data = os.path.join(self.folder, "..data")
        found = {}
        for folder, _, names in os.walk(os.path.realpath(data)):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, os.path.realpath(data))] = file.read()
        return found

    def modes(self):
        data = os.path.realpath(os.path.join(self.folder, "..data"))
        return {name: os.stat(os.path.join(data, name)).st_mode & 0o777 for name in os.listdir(data)}
