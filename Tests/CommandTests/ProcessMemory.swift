import Foundation
import Glibc
import TestSupport

/// The memory of another process, as somebody sees it who may read all of it.
struct ProcessMemory {
  /// Where a word was found: the mapping's name as the kernel has it, `anonymous` without one.
  struct Find: Hashable, CustomStringConvertible {
    let word: String
    let mapping: String

    var description: String { "\(word) in \(mapping)" }
  }

  private struct Mapping {
    let start: UInt
    let end: UInt
    let name: String
    var flags: Set<Substring> = []
  }

  private let pid: pid_t

  init(of pid: pid_t) {
    self.pid = pid
  }

  /// Where each of `words` stands, in all that can be read but the memory that is kept for secrets: the kernel gives nobody what
  /// memfd_secret(2) made, and where it has none, such pages are locked and left out of dumps (`dd`).
  func finds(_ words: [String]) throws -> Set<Find> {
    let descriptor = open("/proc/\(pid)/mem", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Broken("/proc/\(pid)/mem: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    let mappings = try mappings()
    guard mappings.contains(where: { $0.name == "[stack]" }) else {
      throw Broken("the process has no stack any more")
    }
    var finds: Set<Find> = []
    for mapping in mappings where mapping.flags.contains("rd") && !mapping.flags.contains("dd") {
      let bytes = Self.contents(of: mapping, descriptor)
      for word in words where bytes.range(of: Data(word.utf8)) != nil {
        finds.insert(Find(word: word, mapping: mapping.name))
      }
    }
    return finds
  }

  /// What of it can be read: a mapping may go, or shrink, meanwhile.
  private static func contents(of mapping: Mapping, _ descriptor: Int32) -> Data {
    var bytes = Data(count: Int(mapping.end - mapping.start))
    let count = bytes.withUnsafeMutableBytes { room in
      var done = 0
      while done < room.count {
        let read = pread(
          descriptor, room.baseAddress.map { $0 + done }, room.count - done, off_t(mapping.start) + off_t(done))
        guard read > 0 else {
          break
        }
        done += read
      }
      return done
    }
    return bytes.prefix(count)
  }

  private func mappings() throws -> [Mapping] {
    var mappings: [Mapping] = []
    for line in try text("/proc/\(pid)/smaps").split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      let bounds = words.first?.split(separator: "-").compactMap { UInt($0, radix: 16) } ?? []
      if words.count >= 5, bounds.count == 2 {
        let name = words.dropFirst(5).joined(separator: " ")
        mappings.append(Mapping(start: bounds[0], end: bounds[1], name: name.isEmpty ? "anonymous" : name))
      } else if words.first == "VmFlags:", !mappings.isEmpty {
        mappings[mappings.count - 1].flags = Set(words.dropFirst())
      }
    }
    return mappings
  }

  /// To its very end: the kernel gives a page at a time, which others take for the last of a short file.
  private func text(_ path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Broken("\(path): \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var page = [UInt8](repeating: 0, count: 65_536)
    while case let count = read(descriptor, &page, page.count), count > 0 {
      bytes += page.prefix(count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
