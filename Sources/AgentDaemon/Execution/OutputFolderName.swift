import ExecutionModel
import Text

/// Names of executions' output folders, and the texts of notices: templates with `{id}` and the like.
enum OutputFolderName {
  static let placeholders = ["id", "job_id", "namespace", "name"]

  /// Whether `template` makes one folder name: fixed parts of letters, digits, `_`, `.`, `-`, known placeholders, at least one of them.
  static func isTemplate(_ template: String) -> Bool {
    let parts = template.split(separator: "{", omittingEmptySubsequences: false)
    guard let first = parts.first, parts.count > 1, isPlain(first) else {
      return false
    }
    return parts.dropFirst().allSatisfy { part in
      guard let end = part.firstIndex(of: "}") else {
        return false
      }
      return placeholders.contains(String(part[..<end])) && isPlain(part[part.index(after: end)...])
    }
  }

  private static func isPlain(_ text: Substring) -> Bool {
    text.utf8.allSatisfy(isSafe)
  }

  private static func isSafe(_ byte: UInt8) -> Bool { byte.isUnreserved && byte != UInt8(ascii: "~") }

  /// The folder of `execution`: placeholders filled in, everything but safe letters percent-encoded, so that no id leaves the root,
  /// and two ids never share a folder. `nil` where a placeholder has no value or the name would be too long.
  static func name(_ template: String, for execution: Execution, id: String) -> String? {
    var isWhole = true
    let filled = fill(template, execution, id: id, folder: nil) { value in
      guard let value, !value.isEmpty else {
        isWhole = false
        return ""
      }
      return encoded(value)
    }
    guard isWhole, !filled.isEmpty, filled.utf8.count <= 255 else {
      return nil
    }
    return filled.hasPrefix(".") ? "%2E" + filled.dropFirst() : filled
  }

  /// An encoded file name for `id` alone, as for records: what is unreserved in addresses stays, but `~`, which stands for homes.
  static func encoded(_ value: String) -> String {
    PercentEncoding.encode(value).replacing("~", with: "%7E")
  }

  /// `template` with its placeholders replaced by what `show` makes of their values. Other braces stay.
  static func fill(
    _ template: String, _ execution: Execution, id: String, folder: String?, _ show: (String?) -> String
  ) -> String {
    let values: [(String, String?)] = [
      ("{id}", id), ("{job_id}", execution.jobID), ("{namespace}", execution.namespace), ("{name}", execution.name),
      ("{folder}", folder),
    ]
    var text = ""
    var rest = template[...]
    while let brace = rest.firstIndex(of: "{") {
      text += rest[..<brace]
      rest = rest[brace...]
      if let (placeholder, value) = values.first(where: { rest.hasPrefix($0.0) }) {
        text += show(value)
        rest = rest.dropFirst(placeholder.count)
      } else {
        text += "{"
        rest = rest.dropFirst()
      }
    }
    return text + rest
  }
}
