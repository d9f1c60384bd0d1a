import ExecutionModel
import SecretBytes

extension ProviderConnection {
  /// A validated connection of a catalog's document with this one provider, named `p`.
  public static func testing(_ provider: String, by descriptor: ProviderDescriptor) throws -> ProviderConnection {
    let document = #"{"secret_providers": {"p": \#(provider)}}"#
    let catalog = ProviderCatalog([descriptor])
    let execution = try catalog.validate(ExecutionDocument(SecretBytes(document)).item(nil)).execution
    guard let connection = execution.providers.first else {
      throw DocumentFaults([DocumentFault("", "no provider")])
    }
    return connection
  }

  /// A reference over this connection with lookup fields of text and integers.
  public func reference(
    _ texts: [String: String], integers: [String: Int64] = [:], withPrevious: Bool = false
  ) -> Reference {
    var lookup = FieldValues()
    if withPrevious {
      lookup[PreviousVersion.field.descriptor.name] = .boolean(true)
    }
    for (name, text) in texts {
      lookup[name] = .text(text)
    }
    for (name, number) in integers {
      lookup[name] = .integer(number)
    }
    do throws(FieldFault) {
      return try descriptor.reference(lookup, over: key)
    } catch {
      fatalError("\(error.field): \(error.message)")
    }
  }
}
