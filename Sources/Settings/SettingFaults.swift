import ExecutionModel
import JSONReader

/// Why a value of the right form cannot be used: one line that names no secret.
public struct SettingFault: Error, Sendable, Equatable {
  public let message: String

  public init(_ message: String) {
    self.message = message
  }
}

/// The faults of one file, gathered while it is read.
struct SettingFaults {
  /// More than anybody reads. To find a fault's line is to read the file up to it, so a file of nothing but faults would keep
  /// the reader busy for minutes.
  static let most = 100

  /// What the file's keys are called: "setting", "rule".
  let noun: String
  private(set) var count = 0
  private(set) var noted: [DocumentFault] = []

  init(noun: String) {
    self.noun = noun
  }

  /// Whether nothing that is still found will be told.
  var isFull: Bool { count > Self.most }

  mutating func note(_ path: String, _ message: String, _ value: JSONValue) {
    count += 1
    if count <= Self.most {
      noted.append(DocumentFault(path, message, at: value.position))
    } else if count == Self.most + 1 {
      noted.append(DocumentFault("", "there are more faults than these \(Self.most)"))
    }
  }
}
