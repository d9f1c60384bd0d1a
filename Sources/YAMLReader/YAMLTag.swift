import Glibc
import JSONReader

/// The tags of the YAML 1.2 core schema (§10.3), as libyaml resolves them.
enum YAMLTag {
  static let unknown = JSONFault.Reason.syntax(
    "the tag is not known here, or does not fit the value; known are !!str, !!int, !!float, !!bool, !!null, !!seq and !!map"
  )

  static func scalarType(_ tag: UnsafePointer<UInt8>) -> YAMLTree.ScalarType? {
    switch true {
    case has(tag, "tag:yaml.org,2002:str"), has(tag, "!"): .string
    case has(tag, "tag:yaml.org,2002:int"): .integer
    case has(tag, "tag:yaml.org,2002:float"): .float
    case has(tag, "tag:yaml.org,2002:bool"): .boolean
    case has(tag, "tag:yaml.org,2002:null"): .null
    default: nil
    }
  }

  static func isCollection(_ tag: UnsafePointer<UInt8>, _ kind: YAMLTree.Node.Kind) -> Bool {
    switch kind {
    case .sequence: has(tag, "tag:yaml.org,2002:seq") || has(tag, "!")
    case .mapping: has(tag, "tag:yaml.org,2002:map") || has(tag, "!")
    case .scalar, .alias: false
    }
  }

  private static func has(_ tag: UnsafePointer<UInt8>, _ name: StaticString) -> Bool {
    strcmp(
      UnsafeRawPointer(tag).assumingMemoryBound(to: CChar.self),
      UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)) == 0
  }
}
