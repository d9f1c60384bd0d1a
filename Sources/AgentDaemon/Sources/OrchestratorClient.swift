import EventLoop
import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes

/// What a complete answer of all addresses lists of this node.
struct OrchestratorListing: Sendable {
  var items: [String: ExecutionDocument.Item] = [:]
  var unreadable: [String: String] = [:]
}

/// Asks an orchestrator for this node's executions. Used by one task.
actor OrchestratorClient {
  static let longestPageBytes = 16 * 1024 * 1024
  static let mostPages = 1000
  static let mostBytes = 64 * 1024 * 1024

  private struct Cached {
    let tag: String
    let entries: [ExecutionPage.Entry]
  }

  private let configuration: OrchestratorConfiguration
  private let transport: any HTTPSending
  private let time: any TimeSource
  private let files = NodeFiles(policy: .personal)
  private var token: (value: SecretBytes, until: Moment)?
  private var cached: [String: Cached] = [:]

  init(_ configuration: OrchestratorConfiguration, transport: any HTTPSending, time: any TimeSource) {
    self.configuration = configuration
    self.transport = transport
    self.time = time
  }

  /// Every page of every address.
  ///
  /// - Throws: ``OrchestratorFault`` unless all of it is well-formed.
  func list() async throws(OrchestratorFault) -> OrchestratorListing {
    var listing = OrchestratorListing()
    for template in configuration.urls {
      for entry in try await entries(of: try address(template)) {
        note(entry, in: &listing)
      }
    }
    return listing
  }

  private func note(_ entry: ExecutionPage.Entry, in listing: inout OrchestratorListing) {
    guard entry.nodeID == configuration.nodeID, let id = entry.id, !id.isEmpty else {
      return
    }
    switch entry.item {
    case .success(let item): listing.items[id] = item
    case .failure(let faults): listing.unreadable[id] = faults.faults.first?.line ?? "malformed"
    }
  }

  /// `template` with the node's names filled in; only unreserved characters stay as they are.
  private func address(_ template: String) throws(OrchestratorFault) -> HTTPURL {
    var text = template
    let values = [
      ("{node_id}", configuration.nodeID), ("{namespace}", configuration.namespace ?? ""),
      ("{job_id}", configuration.jobID ?? ""),
    ]
    for (name, value) in values {
      let parts = text.split(separator: name, omittingEmptySubsequences: false)
      text = parts.joined(separator: OutputFolderName.encoded(value))
    }
    do throws(URLFault) {
      return try HTTPURL(parsing: text)
    } catch {
      throw OrchestratorFault("\(template): \(error)")
    }
  }

  // MARK: - Pages

  private func entries(of url: HTTPURL) async throws(OrchestratorFault) -> [ExecutionPage.Entry] {
    let before = cached[url.description]
    let first = try await get(url, tag: before?.tag)
    if first.status == 304, let before {
      return before.entries
    }
    var page = try read(first, url)
    var entries = page.entries
    var bytes = first.body.count
    var seen: Set<String> = []
    while let next = page.nextToken {
      guard seen.insert(next).inserted, seen.count < Self.mostPages else {
        throw OrchestratorFault("\(url.host): the pages do not end: next_token repeats itself")
      }
      let answer = try await get(url.adding(query: [("next_token", next)]), tag: nil)
      bytes += answer.body.count
      guard bytes <= Self.mostBytes else {
        throw OrchestratorFault("\(url.host): the list is larger than 64 MiB")
      }
      page = try read(answer, url)
      entries += page.entries
    }
    // A tag of the first page says nothing about the others.
    cached[url.description] =
      seen.isEmpty ? first.headers.first("ETag").map { Cached(tag: $0, entries: entries) } : nil
    return entries
  }

  private func read(_ response: HTTPResponse, _ url: HTTPURL) throws(OrchestratorFault) -> ExecutionPage {
    do throws(DocumentFaults) {
      return try ExecutionPage(response.body)
    } catch {
      throw OrchestratorFault("\(url.host): the answer is malformed: \(error.faults.first?.line ?? "")")
    }
  }

  /// 200, or 304 where a tag was given.
  private func get(_ url: HTTPURL, tag: String?) async throws(OrchestratorFault) -> HTTPResponse {
    var response = try await send(url, tag: tag)
    if response.status == 401, configuration.apiKeyFile != nil {
      token = nil
      response = try await send(url, tag: tag)
    }
    guard response.status == 200 || (response.status == 304 && tag != nil) else {
      throw OrchestratorFault(
        "\(url.host): it answered with status \(response.status)",
        retryAfter: RetryAfter.wait(response, unixTime: time.unixTime))
    }
    return response
  }

  private func send(_ url: HTTPURL, tag: String?) async throws(OrchestratorFault) -> HTTPResponse {
    var headers = [HTTPHeader("Accept", "application/json")]
    if let bearer = try await bearer() {
      headers.append(Self.authorization(bearer))
    }
    if let tag {
      headers.append(HTTPHeader("If-None-Match", tag))
    }
    return try await send(HTTPRequest(
      method: .get, url: url, headers: headers, maximumResponseBytes: Self.longestPageBytes))
  }

  private func send(_ request: HTTPRequest) async throws(OrchestratorFault) -> HTTPResponse {
    do throws(TransportFailure) {
      return try await transport.send(request)
    } catch {
      throw OrchestratorFault("\(request.url.host): \(error)")
    }
  }

  // MARK: - The bearer token

  private func bearer() async throws(OrchestratorFault) -> SecretBytes? {
    if let file = configuration.tokenFile {
      return try credential(file)
    }
    guard let keyFile = configuration.apiKeyFile, let tokenURL = configuration.tokenURL else {
      return nil
    }
    if let token, time.now < token.until {
      return token.value
    }
    let fresh = try await exchange(try credential(keyFile), at: try address(tokenURL))
    token = fresh
    return fresh.value
  }

  /// `POST {token_url}` with the API key as bearer → `{access_token, expires_in}`.
  private func exchange(
    _ key: SecretBytes, at url: HTTPURL
  ) async throws(OrchestratorFault) -> (value: SecretBytes, until: Moment) {
    let sentAt = time.now
    let response = try await send(
      HTTPRequest(
        method: .post, url: url, headers: [HTTPHeader("Accept", "application/json"), Self.authorization(key)],
        maximumResponseBytes: 64 * 1024))
    guard response.status == 200 || response.status == 201 else {
      throw OrchestratorFault(
        "\(url.host): the API key was answered with status \(response.status)",
        retryAfter: RetryAfter.wait(response, unixTime: time.unixTime))
    }
    guard let json = try? JSONValue.parse(response.body, limits: .payload),
      let token = json.member("access_token")?.secret, !token.isEmpty
    else {
      throw OrchestratorFault("\(url.host): the answer to the API key holds no access_token")
    }
    let seconds = min(max(json.member("expires_in")?.int64 ?? 3600, 0), 86_400)
    return (token.detached(), sentAt.advanced(by: .seconds(max(seconds - 60, 1))))
  }

  private static func authorization(_ bearer: SecretBytes) -> HTTPHeader {
    var value = SecretBuffer()
    value.append("Bearer ")
    value.append(bearer)
    return HTTPHeader("Authorization", secret: value.finish())
  }

  /// The content of a credential's file without the line break at its end.
  private func credential(_ path: String) throws(OrchestratorFault) -> SecretBytes {
    do throws(NodeFileFault) {
      let content = try files.credential(path)
      let end = content.withUnsafeBytes { bytes in
        bytes.lastIndex { $0 != 0x0a && $0 != 0x0d && $0 != 0x20 && $0 != 0x09 }.map { $0 + 1 } ?? 0
      }
      guard end > 0 else {
        throw NodeFileFault(path, .missing)
      }
      return content.slice(0..<end)
    } catch {
      throw OrchestratorFault("\(path) \(error.message)")
    }
  }
}
