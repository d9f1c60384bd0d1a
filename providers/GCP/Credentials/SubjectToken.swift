import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes

/// The token of another issuer that Google exchanges for its own. Got anew for each exchange, since it rotates.
struct SubjectToken: Sendable {
  let calls: GoogleCalls
  let environment: GoogleEnvironment

  private var failures: FailureMaker { calls.failures }

  func fetch(for account: ExternalAccount) async throws(ProviderFailure) -> SecretBytes {
    switch account.source {
    case .file(let path, let format):
      return try token(in: try file(path), format, "credential_source.file: \(DocumentPath.shown(path))")
    case .address(let url, let headers, let format):
      return try token(
        in: try await served(url, headers), format, "credential_source.url: \(DocumentPath.shown(url.origin))")
    case .aws(let source):
      return try await AWSIdentity(source: source, calls: calls, environment: environment).token(for: account.audience)
    }
  }

  private func file(_ path: String) throws(ProviderFailure) -> SecretBytes {
    do throws(NodeFileFault) {
      return try calls.services.files.credential(path)
    } catch {
      throw failures.file(error, "credential_source.file")
    }
  }

  /// Clouds serve such tokens on the machine itself, as Azure's instance metadata.
  private func served(_ url: HTTPURL, _ headers: [HTTPHeader]) async throws(ProviderFailure) -> SecretBytes {
    let response = try await calls.send(calls.request(.get, url, headers), to: .machine) { response in
      guard response.status != 200 else {
        return .accept
      }
      let isPassing = response.status == 429 || response.status == 408 || (500...599).contains(response.status)
      return .fail(
        failures.make(
          isPassing ? .transient : .denied, "credential_source.url: \(DocumentPath.shown(url.origin)) gives no token",
          status: response.status, hint: isPassing ? nil : "check the url and headers of the credential file"))
    }
    return response.body
  }

  private func token(
    in content: SecretBytes, _ format: ExternalAccount.Format, _ what: String
  ) throws(ProviderFailure) -> SecretBytes {
    guard let field = format.fieldName else {
      return try checked(content.trimmed, what)
    }
    let json: JSONValue
    do throws(JSONFault) {
      json = try JSONValue.parse(content, limits: .payload)
    } catch {
      throw failures.make(.denied, "\(what) is not JSON: \(error)")
    }
    guard let token = json.member(field)?.secret else {
      throw failures.make(
        .denied, "\(what) has no text \(DocumentPath.shown(field))", hint: "check subject_token_field_name")
    }
    return try checked(token, what)
  }

  private func checked(_ token: SecretBytes, _ what: String) throws(ProviderFailure) -> SecretBytes {
    guard !token.isEmpty, token.isValidUTF8 else {
      throw failures.make(.denied, "\(what) \(token.isEmpty ? "is empty" : "is not text")")
    }
    return token.detached()
  }
}
