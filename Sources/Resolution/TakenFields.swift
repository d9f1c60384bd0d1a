import ExecutionModel
import JSONReader
import ProviderKit
import SecretBytes

/// The fields that documents take of values, looked up by what a value has, so that many fields of many values cost no more than both.
public struct TakenFields: Sendable {
  private var fields: Set<String>
  /// Paths, by the first key of each.
  private var paths: [String: [String]] = [:]

  public init(_ fields: some Sequence<String>) {
    self.fields = Set(fields)
    for field in self.fields {
      if let key = Self.firstKey(of: field) {
        paths[key, default: []].append(field)
      }
    }
  }

  /// What is delivered of `payload`: itself, and what it has of the fields.
  public func values(of payload: SecretBytes) -> [SecretBytes] {
    guard !fields.isEmpty, let value = try? FieldExtraction(payload: payload) else {
      return [payload]
    }
    return [payload]
      + value.keys.flatMap { key in (fields.contains(key) ? [key] : []) + (paths[key] ?? []) }
      .compactMap { try? value.value(of: $0) }
  }

  /// `nil` where it is no path.
  private static func firstKey(of field: String) -> String? {
    let scalars = field.unicodeScalars
    let isPointer = scalars.first == "/"
    let first = (isPointer ? scalars.dropFirst() : scalars[...]).prefix { $0 != (isPointer ? "/" : ".") }
    guard isPointer || first.count < scalars.count else {
      return nil
    }
    return isPointer ? FieldExtraction.unescaped(first) : String(first)
  }
}

extension SecretEntry {
  /// The fields that its outputs take.
  public var fields: [String] { outputs.compactMap(\.field) }
}
