import JSONReader

extension AWSFakeState {
  /// Secrets Manager (https://docs.aws.amazon.com/secretsmanager/latest/apireference/).
  func secretsManager(_ operation: String, _ call: AWSFakeCall) throws(AWSFakeRefusal) -> String {
    switch operation {
    case "GetSecretValue":
      guard let id = call.text("SecretId") else {
        throw .validation("1 validation error detected: Value null at 'secretId' failed to satisfy constraint")
      }
      let (secret, version) = try secretValue(id, call)
      return AWSFakeJSON.object { Self.write(secret, version, to: &$0) }
    case "BatchGetSecretValue":
      return try batch(call)
    default:
      throw AWSFakeRefusal(code: "UnknownOperationException", message: "")
    }
  }

  private func secretValue(_ id: String, _ call: AWSFakeCall) throws(AWSFakeRefusal) -> (Secret, SecretVersion) {
    let secret = find(id)
    try check("secretsmanager:GetSecretValue", on: secret?.name ?? id, arn: secret?.arn ?? id, call)
    guard let secret else {
      throw Self.noSuchSecret("Secrets Manager can't find the specified secret.")
    }
    guard !secret.isMarkedForDeletion else {
      throw AWSFakeRefusal(
        code: "InvalidRequestException",
        message: "You can't perform this operation on the secret because it was marked for deletion.")
    }
    let version: SecretVersion
    if let id = call.text("VersionId") {
      guard let found = secret.versions.first(where: { $0.id == id }) else {
        throw Self.noSuchSecret("Secrets Manager can't find the specified secret value for VersionId: \(id)")
      }
      version = found
    } else {
      let stage = call.text("VersionStage") ?? "AWSCURRENT"
      guard let found = secret.versions.first(where: { $0.stages.contains(stage) }) else {
        throw Self.noSuchSecret("Secrets Manager can't find the specified secret value for staging label: \(stage)")
      }
      version = found
    }
    guard !secret.isKeyBroken else {
      throw AWSFakeRefusal(
        code: "DecryptionFailure",
        message: "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
    }
    return (secret, version)
  }

  /// By name, by ARN, or by an ARN without the six characters that the service added.
  private func find(_ id: String) -> Secret? {
    secrets[id] ?? secrets.values.first { $0.arn == id || $0.arn.dropLast(7) == id }
  }

  private static func noSuchSecret(_ message: String) -> AWSFakeRefusal {
    AWSFakeRefusal(code: "ResourceNotFoundException", message: message)
  }

  private func batch(_ call: AWSFakeCall) throws(AWSFakeRefusal) -> String {
    let ids = call.body.member("SecretIdList").map { $0.elements.compactMap(\.text) } ?? []
    guard (1...20).contains(ids.count) else {
      throw .validation(
        "1 validation error detected: Value at 'secretIdList' failed to satisfy constraint: Member must have length less than or equal to 20"
      )
    }
    try check("secretsmanager:BatchGetSecretValue", on: "*", arn: "*", call)
    var found: [(Secret, SecretVersion)] = []
    var errors: [(String, AWSFakeRefusal)] = []
    for id in ids where !leftOutOfBatches.contains(id) {
      do throws(AWSFakeRefusal) {
        found.append(try secretValue(id, call))
      } catch {
        errors.append((id, error))
      }
    }
    return AWSFakeJSON.object { json in
      json.name("Errors")
      json.beginArray()
      for (id, refusal) in errors {
        json.beginObject()
        json.name("ErrorCode")
        json.string(refusal.code)
        json.name("Message")
        json.string(refusal.message)
        json.name("SecretId")
        json.string(id)
        json.endObject()
      }
      json.endArray()
      json.name("SecretValues")
      json.beginArray()
      // The service promises no order.
      for (secret, version) in found.reversed() {
        json.beginObject()
        Self.write(secret, version, to: &json)
        json.endObject()
      }
      json.endArray()
    }
  }

  private static func write(_ secret: Secret, _ version: SecretVersion, to json: inout JSONWriter) {
    json.name("ARN")
    json.string(secret.arn)
    json.name("CreatedDate")
    json.number(1_767_225_600)
    json.name("Name")
    json.string(secret.name)
    switch version.content {
    case .text(let text):
      json.name("SecretString")
      json.string(text)
    case .binary(let text):
      json.name("SecretBinary")
      json.string(text)
    }
    json.name("VersionId")
    json.string(version.id)
    json.name("VersionStages")
    json.beginArray()
    for stage in version.stages {
      json.string(stage)
    }
    json.endArray()
  }
}
