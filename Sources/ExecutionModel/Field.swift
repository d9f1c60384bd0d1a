import SecretBytes
import Text

/// One declared field with the Swift type that adapters read it as: validation, schema and tables are made from the descriptor, the
/// property from the same declaration.
public struct Field<Value: FieldValue>: Sendable {
  public let descriptor: FieldDescriptor
  /// Dotted, as `tls.ca_cert`.
  let path: String

  /// The same as ``FieldDescriptor/init(_:_:required:defaultsTo:extension:_:)``.
  ///
  /// - Parameter parent: the object that the field is in, as `tls`.
  public init(
    _ name: String, in parent: String? = nil, _ kind: FieldDescriptor.Kind, required: Bool = false,
    defaultsTo: String? = nil, extension isExtension: Bool = false, _ summary: String
  ) {
    descriptor = FieldDescriptor(
      name, kind, required: required, defaultsTo: defaultsTo, extension: isExtension, summary)
    path = parent.map { "\($0).\(name)" } ?? name
  }
}

/// A Swift type that a field's decoded value can be read as.
public protocol FieldValue: Sendable {
  init?(_ value: FieldValues.Value)
}

/// A fault of one field that no rule of its block alone can tell.
public struct FieldFault: Error, Sendable, Equatable {
  public let field: String
  public let message: String

  public init(_ field: String, _ message: String) {
    self.field = field
    self.message = message
  }
}

extension FieldValues {
  public subscript<Value: FieldValue>(field: Field<Value>) -> Value? {
    self[field.path].flatMap { Value($0) }
  }

  /// - Throws: where the field is absent, which validation has told already.
  public func required<Value: FieldValue>(_ field: Field<Value>) throws(FieldFault) -> Value {
    guard let value = self[field] else {
      throw FieldFault(field.path, "required; \(field.descriptor.summary)")
    }
    return value
  }
}

extension String: FieldValue {
  public init?(_ value: FieldValues.Value) {
    guard case .text(let text) = value else {
      return nil
    }
    self = text
  }
}

extension SecretBytes: FieldValue {
  public init?(_ value: FieldValues.Value) {
    guard case .credential(let bytes) = value else {
      return nil
    }
    self = bytes
  }
}

extension Int64: FieldValue {
  public init?(_ value: FieldValues.Value) {
    guard case .integer(let number) = value else {
      return nil
    }
    self = number
  }
}

extension Bool: FieldValue {
  public init?(_ value: FieldValues.Value) {
    guard case .boolean(let flag) = value else {
      return nil
    }
    self = flag
  }
}

extension HTTPURL: FieldValue {
  public init?(_ value: FieldValues.Value) {
    guard case .address(let url) = value else {
      return nil
    }
    self = url
  }
}
