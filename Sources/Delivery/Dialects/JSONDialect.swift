import JSONReader
import SecretBytes

/// One JSON object (RFC 8259), a member of type string a secret, a line a member.
enum JSONDialect: EnvironmentDialect {
  static func obstacle(to secret: DeliveredSecret) -> String? { nil }

  static func write(_ secrets: [DeliveredSecret]) -> SecretBytes {
    var writer = JSONWriter(pretty: true)
    writer.beginObject()
    for secret in secrets {
      writer.name(secret.name)
      writer.string(secret.value)
    }
    writer.endObject()
    var text = SecretBuffer()
    text.append(writer.finish())
    text.append(UInt8(ascii: "\n"))
    return text.finish()
  }

  static func read(_ text: SecretBytes) throws(DeliveryFault) -> [DeliveredSecret] {
    let document: JSONValue
    do throws(JSONFault) {
      document = try JSONValue.parse(text, limits: JSONLimits(maximumBytes: Int.max, maximumDepth: 1))
    } catch {
      throw DeliveryFault(.line(1), "not a flat JSON object", remedy: "write the file anew")
    }
    guard document.kind == .object else {
      throw DeliveryFault(.line(1), "not a JSON object", remedy: "write the file anew")
    }
    var variables = ReadVariables()
    for member in document.members {
      guard let name = member.name.text, DeliveredSecret.isEnvironmentName(name), let value = member.value.secret else {
        throw DeliveryFault(
          .line(1), "a JSON member that is not a variable and its text", remedy: "write the file anew")
      }
      variables.add(name, value.detached())
    }
    return variables.inFileOrder()
  }
}
