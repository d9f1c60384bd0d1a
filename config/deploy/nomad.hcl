# A Nomad job whose secrets come by way of the plugin (docs/nomad.md): nothing of them lies on a disk, and the task starts once there is
# a first generation, which the plugin waits for. `path` is the id of an execution of the node's daemon, or a document of its folder,
# as /etc/secrets-agent/executions/web.yaml.
job "web" {
  group "web" {
    task "web" {
      driver = "exec"

      secret "app" {
        provider = "secrets-agent"
        path     = "web"
      }

      env {
        DB_PASSWORD = "${secret.app.DB_PASSWORD}"
      }

      config {
        command = "/usr/local/bin/web"
      }

      # A store that is away when the task starts is tried again.
      restart {
        attempts = 10
        interval = "10m"
        delay    = "15s"
        mode     = "delay"
      }
    }
  }
}
