import ExecutionModel
import JSONReader
import ProviderKit
import Resolution
import SecretBytes
import Text

/// Asks a Vault which engine serves a path, and which fields the secret there has. It goes the way of every other read: through a
/// document that it drafts, and the connection that this makes.
struct VaultSurvey: Sendable {
  struct Found: Sendable {
    let place: VaultDraft.Place
    /// In the order in which the store has them.
    let fields: [String]
  }

  /// Why a path gave nothing.
  struct Fault: Error {
    let line: String
    let kind: ProviderFailure.Class?
    let status: ExitStatus

    init(_ line: String, _ status: ExitStatus = .unavailable, kind: ProviderFailure.Class? = nil) {
      self.line = line
      self.kind = kind
      self.status = status
    }

    init(_ failure: ProviderFailure, hint: String? = nil) {
      self.init(failure.line + (hint.map { "; \($0)" } ?? ""), ExitStatus([failure]), kind: failure.kind)
    }
  }

  /// Without entries.
  let draft: VaultDraft
  /// `nil`: the server is asked.
  let mount: String?
  let engineVersion: Int

  func fields(of path: String, _ runtime: AgentRuntime) async -> Result<Found, Fault> {
    do throws(Fault) {
      let place = try await place(of: path, runtime)
      let value = try await object(at: place, runtime)
      // A name is text, or it cannot be written into a document.
      let fields = value.members.compactMap { $0.name.text }.filter { !$0.isEmpty }
      guard !fields.isEmpty else {
        throw Fault("the secret has no fields", kind: .missing)
      }
      return .success(Found(place: place, fields: fields))
    } catch {
      return .failure(error)
    }
  }

  static func item(of draft: VaultDraft) throws(DocumentFaults) -> ExecutionDocument.Item {
    try ExecutionDocument(SecretBytes(draft.text), syntax: .yaml).item(nil)
  }

  // MARK: - Engines

  private func place(of path: String, _ runtime: AgentRuntime) async throws(Fault) -> VaultDraft.Place {
    let path = path.split(separator: "/").joined(separator: "/")
    if let mount {
      return VaultDraft.Place(mount: mount, path: path, engineVersion: engineVersion)
    }
    // What `vault kv get` asks too (https://openbao.org/api-docs/system/internal-ui-mounts/). The path is this command's own, so it
    // is none of those that the policy's vault_paths keeps from documents.
    let question = VaultDraft.Place(mount: "sys", path: "internal/ui/mounts/\(path)", engineVersion: 1)
    let engine: JSONValue
    do throws(Fault) {
      engine = try await object(at: question, runtime)
    } catch {
      throw Fault(
        "which engine serves it is not told: \(error.line); name it by --mount and --engine-version", error.status,
        kind: error.kind)
    }
    guard let mounted = engine.member("path")?.text, let type = engine.member("type")?.text else {
      throw Fault("the server does not say which engine serves it; name it by --mount", kind: .malformed)
    }
    guard type == "kv" || type == "generic" else {
      throw Fault(
        "the engine at \(ShownText.clean(mounted)) is of the type \(ShownText.clean(type)), where a read makes a new lease;"
          + " write its entries by hand, with engine_version: 1", kind: .malformed)
    }
    let mount = mounted.split(separator: "/").joined(separator: "/")
    guard path.hasPrefix("\(mount)/") else {
      throw Fault(
        "this is the engine's mount; name a secret below it, as \(ShownText.clean(mount))/web/db", kind: .missing)
    }
    let version = engine.member("options")?.member("version")?.text == "2" ? 2 : 1
    return VaultDraft.Place(mount: mount, path: String(path.dropFirst(mount.count + 1)), engineVersion: version)
  }

  // MARK: - Reads

  private func object(at place: VaultDraft.Place, _ runtime: AgentRuntime) async throws(Fault) -> JSONValue {
    let execution: Execution
    do throws(DocumentFaults) {
      execution = try registry.catalog.validate(try Self.item(of: draft.reading(place))).execution
    } catch {
      throw Fault(error.faults.map(\.line).joined(separator: "; "), .invalidDocument)
    }
    guard let connection = execution.providers.first, let entry = execution.secrets.first,
      let result = await runtime.pool.fetch([entry.reference], over: connection).first
    else {
      throw Fault("the path makes no reference", .invalidDocument)
    }
    let payload: SecretBytes
    do throws(ProviderFailure) {
      payload = try result.get().payload
    } catch {
      throw Fault(error)
    }
    do throws(JSONFault) {
      return try JSONValue.parse(payload, limits: .storedValue)
    } catch {
      throw Fault("the value is not JSON: \(error)", kind: .malformed)
    }
  }
}
