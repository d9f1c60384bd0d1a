import JSONReader
import SecretBytes

extension AWSFakeState {
  /// Parameters of Systems Manager (https://docs.aws.amazon.com/systems-manager/latest/APIReference/).
  func parameters(_ operation: String, _ call: AWSFakeCall) throws(AWSFakeRefusal) -> String {
    let isDecrypted = call.body.member("WithDecryption")?.boolean ?? false
    switch operation {
    case "GetParameter":
      let name = call.text("Name") ?? ""
      let found = try parameter(name, "ssm:GetParameter", call)
      let value = try value(of: found, isDecrypted)
      return AWSFakeJSON.object { json in
        json.name("Parameter")
        write(found, value, to: &json)
      }
    case "GetParameters":
      return try batch(call, isDecrypted)
    default:
      throw AWSFakeRefusal(code: "UnknownOperationException", message: "")
    }
  }

  private struct Found {
    let parameter: Parameter
    let number: Int
    let version: ParameterVersion
    /// `:3` or `:label`, as asked for.
    let selector: String?
  }

  private func parameter(_ text: String, _ action: String, _ call: AWSFakeCall) throws(AWSFakeRefusal) -> Found {
    let (name, selector) = Self.parts(of: text)
    let parameter = parameters[name]
    try check(action, on: name, arn: parameterARN(name), call)
    guard let parameter else {
      throw AWSFakeRefusal(code: "ParameterNotFound", message: "")
    }
    let number =
      selector.map { selector in
        Int(selector) ?? (parameter.versions.firstIndex { $0.labels.contains(selector) }).map { $0 + 1 } ?? 0
      } ?? parameter.versions.count
    guard (1...parameter.versions.count).contains(number) else {
      throw AWSFakeRefusal(
        code: "ParameterVersionNotFound",
        message:
          "Systems Manager could not find version \(selector ?? "") of \(name). Verify the version and try again.")
    }
    return Found(
      parameter: parameter, number: number, version: parameter.versions[number - 1],
      selector: selector.map { ":\($0)" })
  }

  /// Name and selector. The colons of an ARN are not a selector's.
  private static func parts(of text: String) -> (name: String, selector: String?) {
    var rest = text[...]
    if text.hasPrefix("arn:") {
      let fields = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
      guard fields.count == 6, fields[5].hasPrefix("parameter/") else {
        return (text, nil)
      }
      rest = fields[5].dropFirst("parameter".count)
    }
    let sides = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    var name = String(sides.first ?? "")
    if text.hasPrefix("arn:"), name.dropFirst().contains("/") == false {
      // Only names that are paths start with a slash.
      name.removeFirst()
    }
    return (name, sides.count > 1 ? String(sides[1]) : nil)
  }

  private func batch(_ call: AWSFakeCall, _ isDecrypted: Bool) throws(AWSFakeRefusal) -> String {
    let names = call.body.member("Names").map { $0.elements.compactMap(\.text) } ?? []
    guard (1...10).contains(names.count) else {
      throw .validation(
        "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10"
      )
    }
    var found: [(Found, String)] = []
    var invalid: [String] = []
    for name in names where !leftOutOfBatches.contains(name) {
      do throws(AWSFakeRefusal) {
        let one = try parameter(name, "ssm:GetParameters", call)
        found.append((one, try value(of: one, isDecrypted)))
      } catch {
        guard error.code.hasPrefix("Parameter") else {
          throw error
        }
        invalid.append(name)
      }
    }
    return AWSFakeJSON.object { json in
      json.name("InvalidParameters")
      json.beginArray()
      for name in invalid {
        json.string(name)
      }
      json.endArray()
      json.name("Parameters")
      json.beginArray()
      // The service promises no order.
      for (one, value) in found.reversed() {
        write(one, value, to: &json)
      }
      json.endArray()
    }
  }

  private func value(of found: Found, _ isDecrypted: Bool) throws(AWSFakeRefusal) -> String {
    guard found.parameter.type == "SecureString" else {
      return found.version.value
    }
    guard isDecrypted else {
      // What the service gives then is the ciphertext, in base64.
      return "AQICAHh" + (Base64.encode(SecretBytes("ciphertext \(found.number)")).unsafeString() ?? "")
    }
    guard !found.parameter.isKeyBroken else {
      throw AWSFakeRefusal(
        code: "AccessDeniedException",
        message:
          "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access. (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException)"
      )
    }
    return found.version.value
  }

  private func write(_ found: Found, _ value: String, to json: inout JSONWriter) {
    json.beginObject()
    json.name("ARN")
    json.string(parameterARN(found.parameter.name))
    json.name("DataType")
    json.string("text")
    json.name("LastModifiedDate")
    json.number(1_767_225_600)
    json.name("Name")
    json.string(found.parameter.name)
    if let selector = found.selector {
      json.name("Selector")
      json.string(selector)
    }
    json.name("Type")
    json.string(found.parameter.type)
    json.name("Value")
    json.string(value)
    json.name("Version")
    json.number(Int64(found.number))
    json.endObject()
  }
}
