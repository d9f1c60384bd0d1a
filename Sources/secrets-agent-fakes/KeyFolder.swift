import ArgumentParser
import Glibc

/// Where key files are written: a folder that was named, or a fresh one that goes with the fakes.
struct KeyFolder {
  let path: String
  private let isTemporary: Bool

  init(_ given: String?) throws {
    if let given {
      path = given
      isTemporary = false
      return
    }
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    guard let made = strdup("\(parent)/secrets-agent-fakes.XXXXXX") else {
      throw ValidationError("out of memory")
    }
    defer { free(made) }
    guard mkdtemp(made) != nil else {
      throw ValidationError("\(parent): \(String(cString: strerror(errno)))")
    }
    path = String(cString: made)
    isTemporary = true
  }

  /// Removes a temporary folder with its `files`.
  func remove(_ files: [String]) {
    guard isTemporary else {
      return
    }
    for file in files {
      unlink(file)
    }
    rmdir(path)
  }
}
