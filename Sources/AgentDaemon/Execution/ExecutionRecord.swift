import CLinux
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
  }

  private let folder: String

  /// - Parameter stateFolder: must exist.
  init(stateFolder: String) throws(Fault) {
    folder = stateFolder + "/executions"
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw Fault(description: "\(folder): \(String(cString: strerror(errno)))")
    }
  }

  private func path(_ id: String) -> String { "\(folder)/\(OutputFolderName.encoded(id)).json" }

  /// Every readable record, by id. One that cannot be read counts as none: the worst that follows is a repeated notice.
  func load() -> [String: ExecutionRecord] {
    var records: [String: ExecutionRecord] = [:]
    guard let directory = opendir(folder) else {
      return records
    }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
      }
      if name.hasSuffix(".json"), let record = read("\(folder)/\(name)") {
        records[record.id] = record
      }
    }
    return records
  }

  private func read(_ path: String) -> ExecutionRecord? {
    let descriptor = linux_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
    guard descriptor >= 0 else {
      return nil
    }
    defer { close(descriptor) }
    var buffer = SecretBuffer()
    guard FileRead.all(of: descriptor, into: &buffer, limit: 64 * 1024) == nil,
      let json = try? JSONValue.parse(buffer.finish(), limits: .document),
      let id = json.member("id")?.text, let source = json.member("source")?.text,
      let folder = json.member("folder")?.text, let notified = json.member("notified")?.int64
    else {
      return nil
    }
    return ExecutionRecord(
      id: id, source: source, folder: folder, notified: min(max(0, notified), GenerationManifest.most))
  }

  /// Written aside, flushed, renamed: a crash leaves the old record or the new one.
  func save(_ record: ExecutionRecord) throws(Fault) {
    var json = JSONWriter()
    json.beginObject()
    json.name("id")
    json.string(record.id)
    json.name("source")
    json.string(record.source)
    json.name("folder")
    json.string(record.folder)
    json.name("notified")
    json.number(record.notified)
    json.endObject()
    let path = path(record.id)
    let aside = path + ".new"
    let descriptor = linux_openat(AT_FDCWD, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw fault(aside)
    }
    let bytes = json.finish()
    let isWritten = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) == $0.count }
    let isFlushed = isWritten && fsync(descriptor) == 0
    let reason = fault(aside)
    close(descriptor)
    guard isFlushed else {
      unlink(aside)
      throw reason
    }
    guard rename(aside, path) == 0 else {
      throw fault(path)
    }
  }

  func remove(_ id: String) {
    unlink(path(id))
  }

  private func fault(_ path: String) -> Fault {
    Fault(description: "\(path): \(String(cString: strerror(errno)))")
  }
}
