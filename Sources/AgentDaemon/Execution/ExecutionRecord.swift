import Files
import Glibc
import JSONReader
import SecretBytes

/// What must outlast the process of one execution: where its outputs are, and which generation its workload has been told of.
/// It holds no value and no credential.
struct ExecutionRecord: Sendable, Equatable {
  let id: String
  /// The source that listed it.
  var source: String
  /// Name of its folder beneath the output root.
  var folder: String
  /// The last generation that change notices were sent for; 0: none.
  var notified: Int64
}

/// The records of the state folder, one file an execution.
struct ExecutionRecords: Sendable {
  /// Why a record could not be written.
  struct Fault: Error, CustomStringConvertible {
    let description: String
    /// The system's error number.
    let code: Int32
  }

  private let folder: String

  /// - Parameter stateFolder: must exist.
  init(stateFolder: String) throws(Fault) {
    folder = stateFolder + "/executions"
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw Self.fault(folder, errno)
    }
    if let directory = try? open() {
      try? TemporaryFile.removeStale(in: directory, owner: nil)
    }
  }

  /// Ids that are too long for a file's name are told apart by their digest.
  private func name(_ id: String) -> String {
    let encoded = OutputFolderName.encoded(id)
    guard encoded.utf8.count > 250 else {
      return encoded + ".json"
    }
    return "\(encoded.prefix(180))~\(SHA256.hexDigest(SecretBytes(id))).json"
  }

  private func open() throws(SystemFault) -> FileDescriptor {
    try FileDescriptor(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, "cannot open the folder")
  }

  /// Every readable record, by id. One that cannot be read counts as none: the worst that follows is a repeated notice.
  func load() -> [String: ExecutionRecord] {
    guard let directory = try? open(), let names = try? DirectoryEntry.names(in: directory) else {
      return [:]
    }
    let records = names.filter { $0.hasSuffix(".json") }.compactMap { read("\(folder)/\($0)") }
    return Dictionary(records.map { ($0.id, $0) }) { $1 }
  }

  private func read(_ path: String) -> ExecutionRecord? {
    guard let file = try? WholeFile.open(path, links: .refused),
      let bytes = try? WholeFile.contents(of: file, limit: 64 * 1024),
      let json = try? JSONValue.parse(bytes, limits: .document),
      let id = json.member("id")?.text, let source = json.member("source")?.text,
      let folder = json.member("folder")?.text, let notified = json.member("notified")?.int64
    else {
      return nil
    }
    return ExecutionRecord(
      id: id, source: source, folder: folder, notified: min(max(0, notified), GenerationManifest.most))
  }

  /// A crash leaves the old record or the new one.
  func save(_ record: ExecutionRecord) throws(Fault) {
    var json = JSONWriter()
    json.beginObject()
    json.member("id", record.id)
    json.member("source", record.source)
    json.member("folder", record.folder)
    json.member("notified", record.notified)
    json.endObject()
    let name = name(record.id)
    do throws(SystemFault) {
      try TemporaryFile.replace(name, with: json.finish(), in: open())
    } catch {
      throw Self.fault("\(folder)/\(name)", error.code)
    }
  }

  func remove(_ id: String) {
    unlink("\(folder)/\(name(id))")
  }

  private static func fault(_ path: String, _ code: Int32) -> Fault {
    Fault(description: "\(path): \(SystemFault.text(of: code))", code: code)
  }
}
