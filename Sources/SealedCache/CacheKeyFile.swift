import Files
import Glibc
import SecretBytes

/// The file of the cache's keys, one a line, newest first: 64 hexadecimal digits, or `tpm2` with the two parts of a key that a TPM has
/// sealed. It is root's or the agent's own (mode 0600 or stricter), or a systemd credential.
public struct CacheKeyFile: Sendable {
  /// How many keys a file holds.
  public static let most = 16
  /// For who else makes a key.
  public static let patience = Duration.seconds(10)
  private static let longestFile = 64 * 1024

  enum Entry: Sendable {
    case plain(CacheKeys.Key)
    case sealed(TPMSealedKey)

    var line: SecretBytes {
      var line = SecretBuffer()
      switch self {
      case .plain(let key):
        line.appendHexadecimal(key.bytes)
      case .sealed(let key):
        line.append(TPMSealedKey.word)
        line.append(UInt8(ascii: " "))
        line.appendHexadecimal(key.publicPart)
        line.append(UInt8(ascii: " "))
        line.appendHexadecimal(key.privatePart)
      }
      line.append(UInt8(ascii: "\n"))
      return line.finish()
    }

    init?(_ line: SecretBytes) {
      let words = line.words
      if words.count == 3, words[0].equals(TPMSealedKey.word) {
        guard let publicPart = words[1].hexadecimal, let privatePart = words[2].hexadecimal,
          let sealed = TPMSealedKey(publicPart: publicPart, privatePart: privatePart)
        else {
          return nil
        }
        self = .sealed(sealed)
      } else if let bytes = line.hexadecimal, bytes.count == CacheKeys.Key.size {
        self = .plain(CacheKeys.Key(bytes: bytes))
      } else {
        return nil
      }
    }
  }

  /// Never empty.
  let entries: [Entry]
  /// Where it was found.
  let place: String

  private init(_ entries: [Entry], at place: String) {
    self.entries = entries
    self.place = place
  }

  /// - Throws: what is wrong with the text, never a part of it.
  init(parsing text: SecretBytes, from place: String, isCredential: Bool = false) throws(CacheFault) {
    var entries: [Entry] = []
    for (number, line) in text.lines.enumerated() where !line.isEmpty {
      guard let entry = Entry(line) else {
        throw CacheFault(
          "\(place): line \(number + 1) is neither a key of 64 hexadecimal digits nor one that a TPM has sealed")
      }
      entries.append(entry)
    }
    guard !entries.isEmpty else {
      throw CacheFault(
        isCredential
          ? "\(place): holds no key; the credential is the content of a file that `secrets-agent cache init --key-file FILE` makes"
          : "\(place): holds no key; make one: secrets-agent cache init --key-file \(place)")
    }
    self.init(entries, at: place)
  }

  // MARK: - Finding

  /// Where systemd puts the service's credentials; `nil`: it gives it none.
  public static var credentialsFolder: String? { getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) } }

  static func find(path: String, credentials folder: String?) throws(CacheFault) -> CacheKeyFile {
    if let folder {
      let place = "\(folder)/\(CacheKeys.credentialName)"
      if let text = try read(place, isCredential: true) {
        return try CacheKeyFile(parsing: text, from: place, isCredential: true)
      }
    }
    guard let text = try read(path, isCredential: false) else {
      let credential =
        folder.map { "and \($0) holds no \(CacheKeys.credentialName)" }
        ?? "and no systemd credential \(CacheKeys.credentialName) is given ($CREDENTIALS_DIRECTORY is not set)"
      throw CacheFault("\(path): no such file, \(credential); make it: secrets-agent cache init --key-file \(path)")
    }
    return try CacheKeyFile(parsing: text, from: path)
  }

  private static func read(_ path: String, isCredential: Bool) throws(CacheFault) -> SecretBytes? {
    let text: SecretBytes
    let status: stat
    do throws(WholeFile.Fault) {
      let file = try WholeFile.open(path, links: .refused)
      status = try WholeFile.regularStatus(of: file)
      text = try WholeFile.contents(of: file, status: status, limit: longestFile)
    } catch {
      if error == .missing {
        return nil
      }
      throw CacheFault("\(path): cannot be read: \(error)")
    }
    // A credential's folder is the service manager's own, and its modes are as well.
    guard isCredential || status.st_mode & 0o077 == 0 else {
      throw CacheFault(
        "\(path): others may read it; make it mode 0600, and a new key: secrets-agent cache init --rotate --key-file \(path)"
      )
    }
    guard isCredential || status.st_uid == 0 || status.st_uid == geteuid() else {
      throw CacheFault("\(path): belongs to another user than root and the agent's own")
    }
    return text
  }

  // MARK: - Making

  /// Writes a new key into the file at `path`, which must not be there, or hold nothing.
  ///
  /// - Parameter tpm: what seals it; `nil`: nothing does.
  public static func create(at path: String, sealedBy tpm: TPMSeal? = nil) async throws(CacheFault) {
    let folder = try LockedFolder(of: path, patience: patience)
    try folder.write(CacheKeyFile([try await newEntry(tpm)], at: path), isNew: true)
  }

  /// Puts a new key before those of the file: what is sealed from now on is sealed by it, and what was sealed before still opens. A
  /// daemon at work seals by the one that it started with, so older ones stay unless the caller knows better.
  ///
  /// - Parameters:
  ///   - keeping: how many of the present keys stay; `nil`: all of them.
  ///   - patience: for another rotation that is at work.
  public static func rotate(
    at path: String, keeping: Int? = nil, sealedBy tpm: TPMSeal? = nil, patience: Duration = patience
  ) async throws(CacheFault) {
    let folder = try LockedFolder(of: path, patience: patience)
    guard let text = try read(path, isCredential: false) else {
      throw CacheFault("\(path): no such file; make it: secrets-agent cache init --key-file \(path)")
    }
    let old = try CacheKeyFile(parsing: text, from: path)
    let kept = old.entries.prefix(keeping ?? old.entries.count)
    guard kept.count < most else {
      throw CacheFault(
        "\(path): holds \(most) keys, the most; restart the daemon, which then seals by the newest, and leave old ones out: --keep N"
      )
    }
    try folder.write(CacheKeyFile([try await newEntry(tpm)] + kept, at: path), isNew: false)
  }

  private static func newEntry(_ tpm: TPMSeal?) async throws(CacheFault) -> Entry {
    let key = try CacheKeys.Key.random()
    guard let tpm else {
      return .plain(key)
    }
    return .sealed(try await tpm.close(key.bytes))
  }

  /// Where a key file is, held for one writer: of two rotations at once one would take the other's key away, and a daemon that began
  /// in between would have sealed by it.
  private struct LockedFolder: ~Copyable {
    private let directory: FileDescriptor
    private let name: String

    /// - Parameter patience: for a writer that is at work; one takes a moment where a TPM seals the key.
    init(of path: String, patience: Duration) throws(CacheFault) {
      let slash = path.lastIndex(of: "/")
      name = slash.map { String(path[path.index(after: $0)...]) } ?? path
      let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
      directory = try Self.locked(folder, for: path, patience)
    }

    private static func locked(
      _ folder: String, for path: String, _ patience: Duration
    ) throws(CacheFault) -> FileDescriptor {
      do throws(SystemFault) {
        let directory = try FileDescriptor(folder, O_RDONLY | O_DIRECTORY, "cannot open the folder")
        var waited = Duration.zero
        while !directory.lock() {
          guard waited < patience else {
            throw SystemFault("another cache init is at work in this folder")
          }
          usleep(10_000)
          waited += .milliseconds(10)
        }
        return directory
      } catch {
        throw CacheFault("\(path): \(error)")
      }
    }

    func write(_ file: CacheKeyFile, isNew: Bool) throws(CacheFault) {
      var text = SecretBuffer()
      for entry in file.entries {
        text.append(entry.line)
      }
      do throws(SystemFault) {
        guard
          !isNew || faccessat(directory.number, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0
            || CacheKeyFile.isBlank(file.place)
        else {
          throw SystemFault("will not replace a key, and what it sealed with it; see --rotate", EEXIST)
        }
        try TemporaryFile.replace(name, with: text.finish(), in: directory)
      } catch {
        throw CacheFault("\(file.place): \(error)")
      }
    }
  }

  /// Whether it is a file without a key, as a full disk or `touch` leaves it.
  private static func isBlank(_ path: String) -> Bool {
    guard let file = try? WholeFile.open(path, links: .refused),
      let text = try? WholeFile.contents(of: file, limit: longestFile)
    else {
      return false
    }
    return text.lines.allSatisfy(\.isEmpty)
  }
}
