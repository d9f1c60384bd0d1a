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
    /// How many fields more there are, which no document can name.
    let unnameable: Int
  }

  /// Why a path gave nothing.
  struct Fault: Error {
    let line: String
    let kind: ProviderFailure.Class?
    let status: ExitStatus
    /// Whether it is the token, in whole, or the way to the server: every other question ends the same.
    let isOfConnection: Bool

    init(_ line: String, _ status: ExitStatus = .unavailable, kind: ProviderFailure.Class? = nil) {
      self.line = line
      self.kind = kind
      self.status = status
      isOfConnection = status == .invalidDocument
    }

    init(_ failure: ProviderFailure) {
      line = failure.line
      kind = failure.kind
      status = ExitStatus([failure])
      isOfConnection = failure.status == nil && failure.kind != .malformed
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
      let names = value.members.compactMap { $0.name.text }.filter { !$0.isEmpty }
      let fields = names.filter(Self.canBeNamed)
      let unnameable = names.count - fields.count
      guard !fields.isEmpty else {
        throw Fault(
          unnameable == 0 ? "the secret has no fields" : "\(Self.unnameable(unnameable)) all that there is",
          kind: .missing)
      }
      return .success(Found(place: place, fields: fields, unnameable: unnameable))
    } catch {
      return .failure(error)
    }
  }

  /// Documents hold no text with control characters.
  private static func canBeNamed(_ field: String) -> Bool {
    field.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
  }

  /// `1 field, whose name no document can hold since it has control characters, is`.
  static func unnameable(_ count: Int) -> String {
    count == 1
      ? "1 field, whose name has control characters and fits into no document, is"
      : "\(count) fields, whose names have control characters and fit into no document, are"
  }

  /// A path as the server has it, however many slashes it was written with.
  static func plain(_ path: String) -> String { path.split(separator: "/").joined(separator: "/") }

  static func item(of draft: VaultDraft) throws(DocumentFaults) -> ExecutionDocument.Item {
    try ExecutionDocument(SecretBytes(draft.text), syntax: .yaml).item(nil)
  }

  // MARK: - Engines

  private func place(of path: String, _ runtime: AgentRuntime) async throws(Fault) -> VaultDraft.Place {
    let path = Self.plain(path)
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
      guard await isWorthAnother(error, runtime) else {
        throw error
      }
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

  /// Whether another question may fare better than one that ended by `fault`: not over a connection that cannot be had, nor with a token
  /// that the server does not know.
  private func isWorthAnother(_ fault: Fault, _ runtime: AgentRuntime) async -> Bool {
    guard !fault.isOfConnection, fault.status == .denied else {
      return !fault.isOfConnection
    }
    let itself = VaultDraft.Place(mount: "auth", path: "token/lookup-self", engineVersion: 1)
    do throws(Fault) {
      _ = try await object(at: itself, runtime)
      return true
    } catch {
      return error.status != .denied && !error.isOfConnection
    }
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
