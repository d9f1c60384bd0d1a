import Text

/// Paths of a document's fields, as `secrets.DB_PASSWORD.field`.
enum DocumentPath {
  static func join(_ path: String, _ name: String) -> String {
    path.isEmpty ? ShownText.clean(name) : "\(path).\(ShownText.clean(name))"
  }
}
