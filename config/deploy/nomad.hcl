# A Nomad group: the agent is a prestart sidecar, and both tasks share the allocation's `secrets` folder in memory by way of
# /alloc. The job's document is rendered into the agent's local folder; the agent logs in with Nomad's workload identity.
job "web" {
  group "web" {
    task "secrets-agent" {
      driver = "exec"

      lifecycle {
        hook    = "prestart"
        sidecar = true
      }

      identity {
        name = "vault"
        aud  = ["vault.example.com"]
        file = true
        ttl  = "1h"
      }

      config {
        command = "/usr/local/bin/secrets-agent"
        args    = ["daemon", "--config", "${NOMAD_TASK_DIR}/agent.yaml"]
      }

      template {
        destination = "local/agent.yaml"
        data        = <<-YAML
          node_id: {{ env "node.unique.id" }}
          state_folder: {{ env "NOMAD_SECRETS_DIR" }}/state
          policy: {{ env "NOMAD_TASK_DIR" }}/policy.yaml
          sources: {folder: {path: {{ env "NOMAD_TASK_DIR" }}/executions}}
          outputs: {root: {{ env "NOMAD_ALLOC_DIR" }}/data/secrets, mode: "0640", folder_mode: "0750"}
          api: {socket: {{ env "NOMAD_SECRETS_DIR" }}/api.sock}
        YAML
      }

      template {
        destination = "local/policy.yaml"
        data        = <<-YAML
          addresses: [vault.example.com]
          credential_files: [{{ env "NOMAD_SECRETS_DIR" }}]
        YAML
      }

      template {
        destination = "local/executions/web.yaml"
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

      resources {
        cpu    = 50
        memory = 64
      }
    }

    task "web" {
      driver = "exec"

      config {
        command = "/usr/local/bin/web"
        args    = ["--env-file", "${NOMAD_ALLOC_DIR}/data/secrets/web/.env"]
      }
    }
  }
}
