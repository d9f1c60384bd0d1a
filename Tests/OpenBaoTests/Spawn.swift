import Foundation
import Glibc
import TestSupport

/// What a child gets as its standard descriptors; it gets no others.
enum StandardDescriptors {
  case files(input: String, URL, URL)
  /// Input from a descriptor of ours, outputs to nowhere.
  case reading(Int32)
}

/// posix_spawn(3) of a program looked up in PATH, with exactly this environment.
func spawn(_ command: [String], environment: [String: String], descriptors: StandardDescriptors) throws -> pid_t {
  switch descriptors {
  case .files(let input, let output, let error):
    let created = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
    let files = [
      open(input, O_RDONLY | O_CLOEXEC), open(output.path, created, 0o600), open(error.path, created, 0o600),
    ]
    defer {
      for file in files { close(file) }
    }
    return try spawn(command, environment: environment, input: files[0], output: files[1], error: files[2])
  case .reading(let descriptor):
    return try spawn(command, environment: environment, input: descriptor)
  }
}

func closeOnExec(_ descriptor: Int32) {
  _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
}
