import Foundation
import ProviderFakes
import Testing

/// azure-identity and azure-keyvault-secrets, run by a Python that has them: what they send is what ours is held against.
enum MicrosoftSDK {
  static var python: String? { ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"] }

  /// Reads the secret `db` by one method. Every variable of `environment` reaches the SDK.
  static func read(_ method: String, environment: [String: String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(python))
    process.arguments = ["-c", script]
    process.environment = environment.merging(["METHOD": method]) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "the SDK failed; its words are above")
    return String(decoding: text, as: UTF8.self)
  }

  private static let script = """
    import os
    from azure.identity import ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential
    from azure.keyvault.secrets import SecretClient

    env = os.environ
    entra = dict(authority=env.get("AUTHORITY"), disable_instance_discovery=True)
    if env["METHOD"] == "client_secret":
        credential = ClientSecretCredential(env["TENANT"], "web", env["SECRET"], **entra)
    elif env["METHOD"] == "workload_identity":
        credential = WorkloadIdentityCredential(
            tenant_id=env["TENANT"], client_id="web", token_file_path=env["TOKEN_FILE"], **entra)
    else:
        if "ARC_FOLDER" in env:
            import msal.managed_identity
            msal.managed_identity._supported_arc_platforms_and_their_prefixes["linux"] = env["ARC_FOLDER"]
        credential = ManagedIdentityCredential(client_id=env.get("CLIENT_ID"))
    client = SecretClient(env["VAULT"], credential, api_version="7.4", verify_challenge_resource=False)
    print(client.get_secret("db", env.get("VERSION")).value, end="")
    """
}

/// What of a request the services look at.
struct WireRequest: Equatable, CustomStringConvertible {
  let line: String
  let query: [String: String]
  let headers: [String: String]
  let form: [String: String]

  init(_ request: RecordedRequest) {
    line = request.line
    query = request.query
    // Content-Type of a GET means nothing; the SDK sends one nevertheless.
    let names = ["authorization", "metadata", "x-identity-header"] + (request.body.isEmpty ? [] : ["content-type"])
    headers = request.headers.filter { names.contains($0.key) }.mapValues { value in
      // Tokens and keys differ from login to login.
      value.hasPrefix("Bearer ") ? "Bearer" : value.hasPrefix("Basic ") ? "Basic" : value
    }
    var fields: [String: String] = [:]
    for pair in request.body.split(separator: "&") {
      let sides = pair.split(separator: "=", maxSplits: 1).map {
        $0.replacing("+", with: " ").removingPercentEncoding ?? ""
      }
      fields[sides[0]] = sides.count > 1 ? sides[1] : ""
    }
    form = fields
  }

  /// Without the form fields `names`.
  func without(_ names: Set<String>) -> WireRequest {
    WireRequest(line: line, query: query, headers: headers, form: form.filter { !names.contains($0.key) })
  }

  private init(line: String, query: [String: String], headers: [String: String], form: [String: String]) {
    (self.line, self.query, self.headers, self.form) = (line, query, headers, form)
  }

  var description: String {
    "\(line) \(query.sorted { $0 < $1 }) \(headers.sorted { $0 < $1 }) \(form.sorted { $0 < $1 })"
  }
}
