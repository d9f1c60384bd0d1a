import CLinux
import Glibc
import SecretBytes

/// The environment as execve(2) takes it, in memory that is overwritten when it is dropped.
struct EnvironmentBlock: ~Copyable {
  private let memory: UnsafeMutableRawPointer
  private let size: Int
  /// Ends with a null pointer.
  let variables: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

  init?(_ environment: ProcessEnvironment) {
    let entries = environment.entries
    let pointers = (entries.count + 1) * MemoryLayout<UnsafeMutablePointer<CChar>?>.stride
    let needed = entries.reduce(pointers) { $0 + $1.count + 1 }
    let page = 4096
    size = (needed + page - 1) / page * page
    guard let memory = linux_secret_map(size) else {
      return nil
    }
    self.memory = memory
    variables = memory.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: entries.count + 1)
    var text = memory + pointers
    for (place, entry) in entries.enumerated() {
      entry.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress {
          memcpy(text, base, bytes.count)
        }
      }
      (text + entry.count).storeBytes(of: 0, as: UInt8.self)
      variables[place] = text.assumingMemoryBound(to: CChar.self)
      text += entry.count + 1
    }
    variables[entries.count] = nil
  }

  deinit {
    linux_secret_unmap(memory, size)
  }
}
