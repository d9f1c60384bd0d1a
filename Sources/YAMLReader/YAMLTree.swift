import SecretBytes

/// A composed document: nodes in document order, a collection's children right after it (a mapping's as key, value, key, value),
/// and the text of all scalars in one run of secret memory.
struct YAMLTree {
  struct Node {
    enum Kind {
      case scalar(ScalarType)
      case sequence
      case mapping
      case alias
    }

    let kind: Kind
    /// Number of the source's character where it stands.
    let character: UInt32
    /// A scalar's text, or the index of the node that an alias names up to the one after it, or the collection up to the node
    /// after its last child.
    var range: Range<Int>
  }

  /// What a scalar may be.
  enum ScalarType {
    /// Plain: what its text looks like.
    case resolved
    /// Quoted, a block, or tagged `!!str`.
    case string
    /// Tagged: what its text looks like, and that must be this.
    case integer
    case float
    case boolean
    case null
  }

  let nodes: ContiguousArray<Node>
  let text: SecretBytes
}
