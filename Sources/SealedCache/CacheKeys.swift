import COpenSSL
import Files
import Glibc
import SecretBytes

/// The keys of the cache: the first seals, all of them open. One line of 64 hexadecimal digits each, in a file of root's or the agent's own
/// (mode 0600 or stricter), or in a systemd credential.
public struct CacheKeys: Sendable {
  /// Name of the systemd credential that holds them (systemd.exec(5), LoadCredential=, LoadCredentialEncrypted=).
  public static let credentialName = "secrets-agent-cache-key"
  /// Where they are otherwise.
  public static let defaultPath = "/etc/secrets-agent/cache.key"
  private static let longestFile = 64 * 1024
  /// How many a file holds.
  static let most = 16

  /// One AES-256 key.
  struct Key: Sendable {
    static let size = 32
    static let nameSize = 8

    let bytes: SecretBytes

    /// What a sealed file says of its key: eight bytes that tell nothing about it.
    var name: [UInt8] {
      let code = SHA256.authenticationCode("secrets-agent cache key name", key: bytes)
      return code.withUnsafeBytes { Array($0.prefix(Self.nameSize)) }
    }

    static func random() throws(CacheFault) -> Key {
      var buffer = SecretBuffer(capacity: size)
      let made = buffer.fill(atMost: size) { room in
        RAND_bytes(room.bindMemory(to: UInt8.self).baseAddress, Int32(size)) == 1 ? size : 0
      }
      guard made == size else {
        throw CacheFault("no random bytes: libcrypto's generator failed")
      }
      return Key(bytes: buffer.finish())
    }
  }

  let all: [Key]

  init(_ keys: [Key]) {
    all = keys
  }

  /// - Throws: what is wrong with the text, never a part of it.
  public init(parsing text: SecretBytes, from place: String) throws(CacheFault) {
    var keys: [Key] = []
    for (number, line) in text.lines.enumerated() where !line.isEmpty {
      guard let bytes = line.hexadecimal, bytes.count == Key.size else {
        throw CacheFault("\(place): line \(number + 1) is not a key of 64 hexadecimal digits")
      }
      keys.append(Key(bytes: bytes))
    }
    guard !keys.isEmpty else {
      throw CacheFault("\(place): holds no key; make one: secrets-agent cache init")
    }
    all = keys
  }

  /// From the systemd credential where there is one, else from the file at `path`.
  public static func load(
    path: String = defaultPath,
    credentials folder: String? = getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) }
  ) throws(CacheFault) -> CacheKeys {
    if let folder {
      let place = "\(folder)/\(credentialName)"
      if let text = try read(place, isCredential: true) {
        return try CacheKeys(parsing: text, from: place)
      }
    }
    guard let text = try read(path, isCredential: false) else {
      throw CacheFault("\(path): no such file; make it: secrets-agent cache init --key-file \(path)")
    }
    return try CacheKeys(parsing: text, from: path)
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
        "\(path): others may read it; make it mode 0600, and a new key: secrets-agent cache init --rotate")
    }
    guard isCredential || status.st_uid == 0 || status.st_uid == geteuid() else {
      throw CacheFault("\(path): belongs to another user than root and the agent's own")
    }
    return text
  }

  // MARK: - Making

  /// Writes a new key into the file at `path`, which must not be there.
  public static func create(at path: String) throws(CacheFault) {
    try write(CacheKeys([.random()]), to: path, isNew: true)
  }

  /// Puts a new key before those of the file: what is sealed from now on is sealed by it, and what was sealed before still opens. A
  /// daemon at work seals by the one that it started with, so older ones stay.
  public static func rotate(at path: String) throws(CacheFault) {
    guard let text = try read(path, isCredential: false) else {
      throw CacheFault("\(path): no such file; make it: secrets-agent cache init")
    }
    let old = try CacheKeys(parsing: text, from: path)
    try write(CacheKeys([.random()] + old.all.prefix(most - 1)), to: path, isNew: false)
  }

  private static func write(_ keys: CacheKeys, to path: String, isNew: Bool) throws(CacheFault) {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    var text = SecretBuffer()
    for key in keys.all {
      text.appendHexadecimal(key.bytes)
      text.append("\n")
    }
    do throws(SystemFault) {
      let directory = try FileDescriptor(folder, O_RDONLY | O_DIRECTORY, "cannot open the folder")
      guard !isNew || faccessat(directory.number, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 else {
        throw SystemFault("will not replace a key, and what it sealed with it; see --rotate", EEXIST)
      }
      try TemporaryFile.replace(name, with: text.finish(), in: directory)
    } catch {
      throw CacheFault("\(path): \(error)")
    }
  }
}

extension SecretBytes {
  /// Without the ends of lines, LF or CR LF.
  fileprivate var lines: [SecretBytes] {
    var lines: [SecretBytes] = []
    var start = 0
    let ends = withUnsafeBytes { bytes in bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") } }
    for end in ends + [count] {
      let isReturn = end > start && withUnsafeBytes { $0[end - 1] == UInt8(ascii: "\r") }
      lines.append(slice(start..<(isReturn ? end - 1 : end)))
      start = end + 1
    }
    return lines
  }

  fileprivate var hexadecimal: SecretBytes? {
    var buffer = SecretBuffer(capacity: count / 2)
    let isWhole = withUnsafeBytes { bytes in
      guard bytes.count % 2 == 0 else {
        return false
      }
      for place in stride(from: 0, to: bytes.count, by: 2) {
        guard let high = Character(Unicode.Scalar(bytes[place])).hexDigitValue,
          let low = Character(Unicode.Scalar(bytes[place + 1])).hexDigitValue
        else {
          return false
        }
        buffer.append(UInt8(high * 16 + low))
      }
      return true
    }
    return isWhole ? buffer.finish() : nil
  }
}

extension SecretBuffer {
  fileprivate mutating func appendHexadecimal(_ bytes: SecretBytes) {
    let digits = Array("0123456789abcdef".utf8)
    bytes.withUnsafeBytes { bytes in
      for byte in bytes {
        append(digits[Int(byte >> 4)])
        append(digits[Int(byte & 15)])
      }
    }
  }
}
