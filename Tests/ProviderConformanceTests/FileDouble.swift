import HTTPTransport
import TestSupport

/// A folder of files: a store that nobody logs in to and nothing is sent to.
struct FileDouble: StoreDouble {
  static let tokenMarks: [String] = []

  let address = "http://127.0.0.1:1"

  static func start(_ setting: StoreSetting) async throws -> FileDouble {
    for number in setting.numbers {
      try setting.folder.write(setting.value(number), as: "value-\(number)")
    }
    return FileDouble()
  }

  func stop() async {}

  static func part(of request: HTTPRequest) -> CallPart { .value }
  static func refusal(of request: HTTPRequest) -> HTTPResponse? { nil }

  func passed(_ span: Duration) {}
  func revokeLogins() {}
  func spoilCredentials() {}
}
