import COpenSSL
import Files
import Glibc
import SecretBytes

/// AES-256-GCM (NIST SP 800-38D) by libcrypto, with a random nonce of 96 bits for each text.
enum Seal {
  static let nonceSize = 12
  static let tagSize = 16

  /// - Parameter nonce: for the test vector; otherwise random.
  /// - Returns: nonce, ciphertext, tag.
  static func close(
    _ text: SecretBytes, with key: CacheKeys.Key, binding data: SecretBytes, nonce: [UInt8]? = nil
  ) throws(CacheFault) -> SecretBytes {
    let nonce = if let nonce { nonce } else { try randomNonce() }
    let size = nonceSize + text.count + tagSize
    guard let room = malloc(size) else {
      throw CacheFault("out of memory")
    }
    let bytes = SecretBytes(adoptingMalloc: room, count: size, capacity: size)
    let output = room.assumingMemoryBound(to: UInt8.self)
    for (place, byte) in nonce.enumerated() {
      output[place] = byte
    }
    let isClosed = run(key, nonce, data, encrypts: true) { context in
      var written: Int32 = 0
      return update(context, text, output + nonceSize)
        && EVP_EncryptFinal_ex(context, output + nonceSize + text.count, &written) == 1
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagSize), output + nonceSize + text.count) == 1
    }
    guard isClosed else {
      throw CacheFault("libcrypto could not seal it")
    }
    return bytes
  }

  /// `nil` where the key is another, or a bit of what was sealed or of `data` differs.
  static func open(_ sealed: SecretBytes, with key: CacheKeys.Key, binding data: SecretBytes) -> SecretBytes? {
    let count = sealed.count - nonceSize - tagSize
    guard count >= 0, let room = malloc(max(count, 1)) else {
      return nil
    }
    let text = SecretBytes(adoptingMalloc: room, count: count, capacity: max(count, 1))
    let output = room.assumingMemoryBound(to: UInt8.self)
    let nonce = sealed.slice(0..<nonceSize).withUnsafeBytes { Array($0) }
    var tag = sealed.slice((sealed.count - tagSize)..<sealed.count).withUnsafeBytes { Array($0) }
    let isGenuine = run(key, nonce, data, encrypts: false) { context in
      var written: Int32 = 0
      return update(context, sealed.slice(nonceSize..<(nonceSize + count)), output)
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagSize), &tag) == 1
        && EVP_DecryptFinal_ex(context, output + count, &written) == 1
    }
    return isGenuine ? text : nil
  }

  /// By the kernel, which hears of it where a virtual machine is cloned or set back while the daemon runs: libcrypto's generator would go
  /// on with the same bytes in both, and two texts under one nonce tell what they have in common.
  private static func randomNonce() throws(CacheFault) -> [UInt8] {
    var nonce = [UInt8](repeating: 0, count: nonceSize)
    guard getentropy(&nonce, nonceSize) == 0 else {
      throw CacheFault("no random bytes: \(SystemFault.text(of: errno))")
    }
    return nonce
  }

  private static func run(
    _ key: CacheKeys.Key, _ nonce: [UInt8], _ data: SecretBytes, encrypts: Bool, _ body: (OpaquePointer) -> Bool
  ) -> Bool {
    guard let context = EVP_CIPHER_CTX_new() else {
      return false
    }
    defer { EVP_CIPHER_CTX_free(context) }
    return key.bytes.withUnsafeBytes { key in
      let key = key.assumingMemoryBound(to: UInt8.self).baseAddress
      var written: Int32 = 0
      let begun =
        EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce, encrypts ? 1 : 0) == 1
        && data.withUnsafeBytes { data in
          EVP_CipherUpdate(
            context, nil, &written, data.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(clamping: data.count))
            == 1
        }
      return begun && body(context)
    }
  }

  private static func update(_ context: OpaquePointer, _ input: SecretBytes, _ output: UnsafeMutablePointer<UInt8>)
    -> Bool
  {
    guard input.count <= Int32.max else {
      return false
    }
    var written: Int32 = 0
    return input.withUnsafeBytes { input in
      input.isEmpty
        || EVP_CipherUpdate(
          context, output, &written, input.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(input.count)) == 1
    }
  }
}
