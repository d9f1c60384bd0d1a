import ExecutionModel
import JSONReader
import SecretBytes
import YAMLReader

/// A file of settings, YAML or JSON: one declaration that reads it and that its JSON Schema is made from.
public struct SettingsFile<Root: Sendable>: Sendable {
  private let name: String
  private let title: String
  private let noun: String
  private let object: SettingsObject<Root>
  private let defaults: Root

  /// - Parameters:
  ///   - name: what the schema is known by: `urn:secrets-agent:schema:{name}`.
  ///   - noun: what its keys are called in faults.
  ///   - defaults: what holds where the file says nothing, for the schema's words.
  public init(_ name: String, _ title: String, noun: String, _ object: SettingsObject<Root>, defaults: Root) {
    self.name = name
    self.title = title
    self.noun = noun
    self.object = object
    self.defaults = defaults
  }

  /// What `bytes` say over `base`.
  ///
  /// - Throws: every fault of the file, each with path, line and column.
  public func read(_ bytes: SecretBytes, over base: Root) throws(DocumentFaults) -> Root {
    let value: JSONValue
    do throws(JSONFault) {
      value = try YAMLReader.parse(bytes, limits: .document)
    } catch {
      throw DocumentFaults([DocumentFault("", "\(error)")])
    }
    var faults = SettingFaults(noun: noun)
    var root = base
    if !value.isNull {
      object.read(value, "", into: &root, &faults)
    }
    guard faults.noted.isEmpty else {
      throw DocumentFaults(faults.noted)
    }
    return root
  }

  /// The JSON Schema, draft 2020-12. What it refuses the reader refuses too; the reader knows more.
  public var schema: SecretBytes {
    SettingsSchema.document(name: name, title: title, block)
  }

  /// The declaration as data.
  package var block: SettingShape.Block { object.block(defaults: defaults) }
}
