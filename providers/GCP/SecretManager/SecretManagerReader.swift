import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes

/// Reads one version of a secret
/// (https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access).
struct SecretManagerReader: Sendable {
  let parent: SecretParent
  let endpoint: HTTPURL
  let calls: GoogleCalls

  private var failures: FailureMaker { calls.failures }
  private var environment: GoogleEnvironment { GoogleEnvironment(environment: calls.services.environment) }

  func name(of reference: Reference) throws(ProviderFailure) -> SecretVersionName {
    do throws(SecretVersionName.Fault) {
      return try SecretVersionName(reference.lookup, in: parent)
    } catch {
      throw failures.make(
        .missing, error.message, reference: SecretVersionName.shown(reference), hint: error.hint)
    }
  }

  func read(_ name: SecretVersionName, _ token: GoogleAccessToken) async throws(ProviderFailure) -> FetchedSecret {
    let request = try request(name, token)
    let errors = SecretManagerErrors(failures: failures, services: calls.services)
    let sentAt = calls.services.time.now
    let response = try await calls.send(request, about: name.description) { response in
      guard response.status == 200 else {
        return .fail(errors.failure(response, name, as: token.principal))
      }
      // A payload that was spoilt on its way is worth another attempt.
      if case .failure(let failure) = checked(response, name), failure.isRetriable {
        return .fail(failure)
      }
      return .accept
    }
    let payload = try checked(response, name).get()
    return FetchedSecret(payload: payload.data, version: payload.version, fetchedAt: sentAt)
  }

  private func request(_ name: SecretVersionName, _ token: GoogleAccessToken) throws(ProviderFailure) -> HTTPRequest {
    let folder = endpoint.appending(rawPath: "v1/\(name.parent.path)/secrets/\(name.secret)/versions/\(name.version)")
    // The verb's colon is the one that must not be encoded.
    guard let url = try? HTTPURL(parsing: "\(folder.origin)\(folder.path):access") else {
      throw failures.make(.malformed, "the name makes no address", reference: name.description)
    }
    var headers = [HTTPHeader("Accept", "application/json"), .bearer(token.value)]
    if let project = environment.text(GoogleVariable.quotaProject) ?? token.quotaProject {
      guard SecretParent.isProject(project) else {
        throw failures.make(
          .denied, "the quota project is not the id of one",
          hint: "check \(GoogleVariable.quotaProject), and quota_project_id of the credential file")
      }
      headers.append(.quotaProject(project))
    }
    return calls.request(.get, url, headers)
  }

  // MARK: - The answer

  private struct Payload {
    let data: SecretBytes
    let version: String?
  }

  private func checked(_ response: HTTPResponse, _ name: SecretVersionName) -> Result<Payload, ProviderFailure> {
    func failure(_ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil) -> Result<
      Payload, ProviderFailure
    > {
      .failure(
        failures.make(kind, message, reference: name.description, status: response.status, hint: hint))
    }
    let json: JSONValue
    do throws(JSONFault) {
      json = try JSONValue.parse(response.body, limits: .payload)
    } catch {
      let type = response.headers.first("Content-Type").map { DocumentPath.shown($0) } ?? "no content type"
      return failure(
        .malformed, "the answer is not JSON (\(type)): \(error)", "check that \(endpoint.origin) is Secret Manager")
    }
    guard let payload = json.member("payload"), let text = payload.member("data")?.secret else {
      return failure(.malformed, "the answer has no payload.data", "check that \(endpoint.origin) is Secret Manager")
    }
    guard let data = Base64.decode(text) else {
      return failure(.transient, "payload.data is not base64")
    }
    if let sum = payload.member("dataCrc32c"), !sum.isNull {
      guard Self.number(sum) == Int64(CRC32C.checksum(data)) else {
        return failure(.transient, "the payload does not match its checksum (dataCrc32c)", "it was altered on its way")
      }
    }
    return .success(Payload(data: data, version: Self.version(json.member("name")?.text)))
  }

  /// 64-bit integers are strings in Google's JSON.
  private static func number(_ value: JSONValue) -> Int64? {
    value.int64 ?? value.text.flatMap { Int64($0) }
  }

  /// The number that `latest` or an alias stood for: the end of `projects/1/secrets/db/versions/3`.
  private static func version(_ name: String?) -> String? {
    guard let last = name?.split(separator: "/").last, !last.isEmpty, last.utf8.count <= 20,
      last.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else {
      return nil
    }
    return String(last)
  }
}
