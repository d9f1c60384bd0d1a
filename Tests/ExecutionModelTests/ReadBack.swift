import ExecutionModel
import JSONReader
import TestSupport

/// What came of a document, as the tests look at it.
extension ProviderConnection {
  var fields: FieldValues { values.fields }
  var method: String? { values.method }
  var authentication: FieldValues { values.authentication }
}

extension FieldValues {
  func text(_ name: String) -> String? { self[name].flatMap { String($0) } }
  func integer(_ name: String) -> Int64? { self[name].flatMap { Int64($0) } }
}

extension Execution {
  /// Whether the first entry asks for what these lookup fields ask for.
  func asks(for texts: [String: String], integers: [String: Int64] = [:]) -> Bool {
    guard let entry = secrets.first, let connection = providers.first(where: { $0.name == entry.from }) else {
      return false
    }
    return entry.reference == connection.reference(texts, integers: integers)
  }
}

extension SecretEntry {
  /// Everything that the adapter got of the entry's lookup fields, as text.
  var dumpedLookup: String {
    var text = ""
    dump(reference.lookup, to: &text)
    return text
  }
}
