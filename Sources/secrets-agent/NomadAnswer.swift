import Delivery
import Glibc
import JSONReader
import SecretBytes
import Text

/// What a fetch answers Nomad.
enum NomadAnswer: Sendable {
  case success([DeliveredSecret])
  /// Why, in one line that holds no value.
  case failure(String)

  /// The first of the reasons, and how many more there are.
  ///
  /// - Parameter subject: what they are told of, where they do not say it.
  static func failure(_ lines: [String], of subject: String? = nil) -> NomadAnswer {
    .failure((subject.map { "\($0): " } ?? "") + ShownText.reasons(lines, atMost: 5))
  }

  /// `{"result": {…}, "error": null}`, or an error and an empty result. Nomad takes texts only.
  var json: SecretBytes {
    switch self {
    case .success(let secrets):
      guard let binary = secrets.first(where: { !$0.value.isValidUTF8 }) else {
        return Self.write(secrets, error: nil)
      }
      let name = ShownText.clean(binary.name)
      return Self.write(
        [], error: "secrets.\(name): the value is not UTF-8, which Nomad does not take: set `encoding: base64`")
    case .failure(let reason):
      return Self.write([], error: ShownText.clean(reason, atMost: 4096))
    }
  }

  private static func write(_ secrets: [DeliveredSecret], error: String?) -> SecretBytes {
    var json = JSONWriter()
    json.beginObject()
    json.name("result")
    json.beginObject()
    for secret in secrets {
      json.name(secret.name)
      json.string(secret.value)
    }
    json.endObject()
    json.name("error")
    if let error {
      json.string(error)
    } else {
      json.null()
    }
    json.endObject()
    return json.finish()
  }

  /// Writes an answer to standard output.
  static func print(_ json: SecretBytes) throws {
    signal(SIGPIPE, SIG_IGN)
    var line = SecretBuffer(capacity: json.count + 1)
    line.append(json)
    line.append(UInt8(ascii: "\n"))
    if let code = StandardOutput.write(line.finish()) {
      StandardError.write("error: standard output: \(String(cString: strerror(code)))\n")
      throw ExitStatus.cannotCreate.code
    }
  }
}
