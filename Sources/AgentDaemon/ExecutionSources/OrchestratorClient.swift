import EventLoop
import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes
import Text

/// Asks an orchestrator for this node's executions. Used by one task.
actor OrchestratorClient {
  static let longestPageBytes = 16 * 1024 * 1024
  static let mostPages = 1000
  static let mostBytes = 64 * 1024 * 1024
  /// For one request.
  static let longestAnswer = Duration.seconds(30)
  /// For all pages of all addresses.
  static let longestPoll = Duration.seconds(300)

  private struct Cached {
    let tag: String
    let entries: [ExecutionPage.Entry]
  }

  private let configuration: OrchestratorConfiguration
  private var transport: any HTTPSending
  private let time: any TimeSource
  private let files = NodeFiles(policy: .personal)
  private var startedAt: Moment
  private var token: (value: SecretBytes, until: Moment)?
  private var cached: [String: Cached] = [:]
  private var jobs = OrchestratorJobs()

  init(_ configuration: OrchestratorConfiguration, transport: any HTTPSending, time: any TimeSource) {
    self.configuration = configuration
    self.transport = transport
    self.time = time
    self.startedAt = time.now
  }

  /// Goes on over another transport; tokens and tags stay.
  func use(_ transport: any HTTPSending) {
    self.transport = transport
  }

  /// Every page of every address.
  ///
  /// - Throws: ``OrchestratorFault`` unless all of it is well-formed.
  func list() async throws(OrchestratorFault) -> OrchestratorListing {
    var listing = OrchestratorListing()
    startedAt = time.now
    for template in configuration.urls {
      for entry in try await entries(of: try address(template)) {
        listing.note(entry, node: configuration.nodeID)
      }
    }
    return listing
  }

  // MARK: - Jobs

  /// Asks for the jobs of executions that came without their job spec and are not known otherwise: each version of a job once.
  ///
  /// What cannot be had is told in `unreadable` of the listing, and asked for again at the next poll.
  func completeJobSpecs(of listing: inout OrchestratorListing) async {
    jobs.keep(listing.items.values.compactMap(OrchestratorJobs.Key.init))
    var unreachable: String?
    for (id, item) in listing.items.sorted(by: { $0.key < $1.key }) where item.needsJobSpec {
      guard let key = OrchestratorJobs.Key(item) else {
        listing.unreadable[id] = "job_spec: missing, and there is no job_id to ask for it by"
        continue
      }
      if jobs.isDue(key, at: time.now), unreachable == nil {
        do throws(OrchestratorFault) {
          jobs.take(try await job(key), for: key, at: time.now)
        } catch {
          // The others would wait for the same.
          unreachable = error.description
        }
      }
      switch jobs.known(key) {
      case .success(let job)?: listing.items[id] = item.completed(by: job)
      case .failure(let fault)?: listing.unreadable[id] = "job_spec: missing; \(fault)"
      case nil: listing.unreadable[id] = "job_spec: missing; \(unreachable ?? "its job was not asked for yet")"
      }
    }
  }

  /// - Throws: where the orchestrator cannot be asked now. What it says for good, as 404, is the outcome.
  private func job(
    _ key: OrchestratorJobs.Key
  ) async throws(OrchestratorFault) -> Result<ExecutionDocument.Item, OrchestratorFault> {
    let template = configuration.jobURL
    let parts = template.split(separator: "{job_id}", omittingEmptySubsequences: false)
    let url = try address(parts.joined(separator: OutputFolderName.encoded(key.id)))
    let response = try await authorized { bearer in Self.getRequest(url, bearer, tag: nil) }
    guard response.status == 200 else {
      let fault = OrchestratorFault("the job at \(url.path) was answered with status \(response.status)")
      if response.status == 429 || response.status >= 500 {
        throw fault
      }
      return .failure(fault)
    }
    return OrchestratorJobs.specification(in: response.body, of: key)
  }

  /// `template` with the node's names filled in; only unreserved characters stay as they are.
  private func address(_ template: String) throws(OrchestratorFault) -> HTTPURL {
    var text = template
    let values = [
      ("{node_id}", configuration.nodeID), ("{namespace}", configuration.namespace), ("{job_id}", configuration.jobID),
    ]
    for (name, value) in values where template.contains(name) {
      guard let value else {
        throw OrchestratorFault("\(template): \(name) is not configured")
      }
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
    var entries = own(page)
    var bytes = first.body.count
    var seen: Set<String> = []
    while let next = page.nextToken {
      guard seen.insert(next).inserted, seen.count < Self.mostPages else {
        throw OrchestratorFault("\(url.host): the pages do not end: next_token repeats itself")
      }
      guard startedAt.duration(to: time.now) < Self.longestPoll else {
        throw OrchestratorFault("\(url.host): the list took longer than \(Self.longestPoll)")
      }
      let answer = try await get(url.adding(query: [("next_token", next)]), tag: nil)
      bytes += answer.body.count
      guard bytes <= Self.mostBytes else {
        throw OrchestratorFault("\(url.host): the list is larger than 64 MiB")
      }
      page = try read(answer, url)
      entries += own(page)
    }
    // A tag of the first page says nothing about the others.
    cached[url.description] =
      seen.isEmpty ? first.headers.first("ETag").map { Cached(tag: $0, entries: entries) } : nil
    return entries
  }

  /// What other nodes run is not kept.
  private func own(_ page: ExecutionPage) -> [ExecutionPage.Entry] {
    page.entries.filter { $0.nodeID == configuration.nodeID || $0.hidesNode }.map { $0.detached() }
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
    let response = try await authorized { bearer in Self.getRequest(url, bearer, tag: tag) }
    guard response.status == 200 || (response.status == 304 && tag != nil) else {
      throw OrchestratorFault(
        "\(url.host): it answered with status \(response.status)",
        retryAfter: RetryAfter.wait(response, unixTime: time.unixTime))
    }
    return response
  }

  /// Sends with the bearer token; a token that is refused is exchanged for a new one, once.
  private func authorized(
    _ request: (SecretBytes?) -> HTTPRequest
  ) async throws(OrchestratorFault) -> HTTPResponse {
    let response = try await send(request(try await bearer()))
    guard response.status == 401, configuration.apiKeyFile != nil else {
      return response
    }
    token = nil
    return try await send(request(try await bearer()))
  }

  private static func getRequest(_ url: HTTPURL, _ bearer: SecretBytes?, tag: String?) -> HTTPRequest {
    var headers = [HTTPHeader("Accept", "application/json")]
    if let bearer {
      headers.append(authorization(bearer))
    }
    if let tag {
      headers.append(HTTPHeader("If-None-Match", tag))
    }
    return HTTPRequest(
      method: .get, url: url, headers: headers, timeout: longestAnswer, maximumResponseBytes: longestPageBytes)
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
      let token = json.member("access_token")?.secret, Self.canBeSent(token)
    else {
      throw OrchestratorFault("\(url.host): the answer to the API key holds no access_token that can be used")
    }
    let seconds = min(max(json.member("expires_in")?.int64 ?? 3600, 0), 86_400)
    return (token.detached(), sentAt.advanced(by: .seconds(max(seconds - 60, 1))))
  }

  /// RFC 6750 §2.1: visible ASCII.
  private static func canBeSent(_ token: SecretBytes) -> Bool {
    !token.isEmpty && token.withUnsafeBytes { $0.allSatisfy { (0x21...0x7e).contains($0) } }
  }

  private static func authorization(_ bearer: SecretBytes) -> HTTPHeader {
    var value = SecretBuffer()
    value.append("Bearer ")
    value.append(bearer)
    return HTTPHeader("Authorization", secret: value.finish())
  }

  /// The content of a credential's file without the line break at its end.
  private func credential(_ path: String) throws(OrchestratorFault) -> SecretBytes {
    let content: SecretBytes
    do throws(NodeFileFault) {
      content = try files.credential(path)
    } catch {
      throw OrchestratorFault("\(path) \(error.message)")
    }
    let end = content.withUnsafeBytes { bytes in
      bytes.lastIndex { $0 != 0x0a && $0 != 0x0d && $0 != 0x20 && $0 != 0x09 }.map { $0 + 1 } ?? 0
    }
    let credential = content.slice(0..<end)
    guard Self.canBeSent(credential) else {
      throw OrchestratorFault("\(path) \(end == 0 ? "is empty" : "holds more than one token's characters")")
    }
    return credential
  }
}
