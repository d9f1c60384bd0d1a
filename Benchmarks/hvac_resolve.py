"""What a script with PyPI's `hvac` does: AppRole login, a read a secret, an env file by rename, the token revoked.

hvac_resolve.py ADDRESS ROLE_ID SECRET_ID CA_FILE COUNT ENV_FILE (CA_FILE is `-` over http)
"""
import os
import sys

import hvac

address, role_id, secret_id, ca_file, count, env_file = sys.argv[1:]
client = hvac.Client(url=address, verify=ca_file if ca_file != "-" else True)
client.auth.approle.login(role_id=role_id, secret_id=secret_id)
lines = []
for number in range(int(count)):
    answer = client.secrets.kv.v2.read_secret_version(
        path=f"bench/{number}", mount_point="secret", raise_on_deleted_version=True)
    lines.append(f"SECRET_{number}='{answer['data']['data']['value']}'\n")
with open(env_file + ".new", "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
    file.writelines(lines)
    file.flush()
    os.fsync(file.fileno())
os.rename(env_file + ".new", env_file)
client.auth.token.revoke_self()
