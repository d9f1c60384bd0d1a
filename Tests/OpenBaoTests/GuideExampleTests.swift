import Foundation
import TestSupport
import Testing

extension OpenBaoTests {
  /// The guide's example against the real servers: OpenBao, and moto's STS.
  @Suite(.enabled(if: Python.path != nil, "\(Python.absence)")) struct GuideExample {
    @Test func givesThePasswordAndExactlyThreeVariables() async throws {
      let bao = try await OpenBaoServer.shared()
      let moto = try MotoServer()
      defer { moto.stop() }
      let mount = try await bao.makeKV2([("kafka", ["password": "open sesame"])])
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/kafka"])
      let agent = try SecretsAgent(["AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"])
      let document = """
        secret_providers:
          vault:
            provider: hashicorp_vault
            address: \(bao.address)
            auth:
              mount_path: \(role.mount)
              role_id_file: \(try agent.folder.write(role.roleID, as: "role-id"))
              secret_id_file: \(try agent.folder.write(role.secretID + "\n", as: "secret-id"))
          aws_prod:
            provider: aws_sts
            region: us-east-1
            endpoint_url: \(moto.address)
            role_arn: arn:aws:iam::123456789012:role/pipeline
        secrets:
          KAFKA_PASSWORD: {from: vault, mount: \(mount), secret_path: kafka, field: password, refresh: 30m}
          AWS: {from: aws_prod}
        """
      let file = try agent.folder.write(document, as: "guide.yaml")
      let check = try await agent.run("check", "--strict", file)
      #expect(check.status == Status.done, Comment(rawValue: check.errorText))
      #expect(check.outputText.contains("no faults, no warnings"))
      let outcome = try await agent.run("resolve", file, "--format", "json", "--output", "-")
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      let values = try #require(flatStrings(outcome.output))
      #expect(
        values.keys.sorted() == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "KAFKA_PASSWORD"])
      #expect(values["KAFKA_PASSWORD"] == "open sesame")
      #expect(values["AWS_ACCESS_KEY_ID"]?.hasPrefix("ASIA") == true)
    }
  }
}
