# A Nomad job that logs in with its own workload identity, without a daemon on the node: the task is a child of the agent, starts with
# the first generation in its environment, and is restarted gracefully when a secret changes. Policy and document lie in `local`, the
# identity in `secrets`, which is in memory and the task's alone. Neither is `alloc/data`, which is a disk that all tasks share.
job "web" {
  group "web" {
    task "web" {
      driver = "exec"

      identity {
        name = "vault"
        aud  = ["vault.example.com"]
        file = true
        ttl  = "1h"
      }

      config {
        command = "/usr/local/bin/secrets-agent"
        args = [
          "exec", "--watch", "--policy", "${NOMAD_TASK_DIR}/policy.yaml", "${NOMAD_TASK_DIR}/web.yaml", "--",
          "/usr/local/bin/web",
        ]
      }

      template {
        destination = "local/policy.yaml"
        data        = <<-YAML
          addresses: [vault.example.com]
          credential_files: [{{ env "NOMAD_SECRETS_DIR" }}]
        YAML
      }

      template {
        destination = "local/web.yaml"
        data        = <<-YAML
          secret_providers:
            vault:
              provider: hashicorp_vault
              address: https://vault.example.com:8200
              auth: {method: jwt, role: web, jwt_file: {{ env "NOMAD_SECRETS_DIR" }}/nomad_vault.jwt}
          secrets:
            DB_PASSWORD: {from: vault, mount: secret, secret_path: web/db, field: password}
        YAML
      }
    }
  }
}
