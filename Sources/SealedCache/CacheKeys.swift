import COpenSSL
import SecretBytes

/// The keys of the cache: the first seals, all of them open.
public struct CacheKeys: Sendable {
  /// Name of the systemd credential that holds them (systemd.exec(5), LoadCredential=, LoadCredentialEncrypted=).
  public static let credentialName = "secrets-agent-cache-key"
  /// Where they are otherwise.
  public static let defaultPath = "/etc/secrets-agent/cache.key"

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
  /// Why older keys do not open, a line each: what they sealed cannot be used, and everything else goes on.
  public let unopened: [String]

  init(_ keys: [Key], unopened: [String] = []) {
    all = keys
    self.unopened = unopened
  }

  private static let remedy = "check the TPM and TPM2TOOLS_TCTI"

  /// From the systemd credential where there is one, else from the file at `path`.
  ///
  /// - Parameter tpm: what opens keys that a TPM has sealed.
  /// - Throws: what is wrong with the file, never a part of it, or why the TPM does not open the key that seals.
  public static func load(
    path: String = defaultPath, credentials folder: String? = CacheKeyFile.credentialsFolder, tpm: TPMSeal
  ) async throws(CacheFault) -> CacheKeys {
    let file = try CacheKeyFile.find(path: path, credentials: folder)
    var keys: [Key] = []
    var unopened: [String] = []
    for (place, entry) in file.entries.enumerated() {
      switch entry {
      case .plain(let key): keys.append(key)
      case .sealed(let sealed):
        do throws(CacheFault) {
          keys.append(Key(bytes: try await tpm.open(sealed)))
        } catch {
          guard place > 0 else {
            throw CacheFault(
              "\(file.place): key 1, which seals: \(error); \(Self.remedy), or put a new key before it: "
                + "secrets-agent cache init --rotate --key-file \(file.place)", mayPass: error.mayPass)
          }
          unopened.append("\(file.place): key \(place + 1): \(error); \(Self.remedy), or leave it out: --rotate --keep")
        }
      }
    }
    return CacheKeys(keys, unopened: unopened)
  }
}
