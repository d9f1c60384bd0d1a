import ExecutionModel
import HTTPTransport
import ProviderKit

/// Where a connection's secrets live.
struct SecretParent: Sendable, Equatable {
  /// Id or number.
  let project: String
  /// `nil`: secrets are global.
  let location: String?

  /// An id, also one of a domain (`example.com:shop`), or a number
  /// (https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin).
  static func isProject(_ text: String) -> Bool {
    (1...100).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || "-.:".utf8.contains($0)
      } && text.utf8.first != UInt8(ascii: ".")
  }

  /// A region: it becomes part of a host name.
  static func isLocation(_ text: String) -> Bool {
    (1...40).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == UInt8(ascii: "-") }
      && text.utf8.first != UInt8(ascii: "-") && text.utf8.last != UInt8(ascii: "-")
  }

  static let projectGrammar = TextGrammar(
    "the id or number of a project", pattern: "^[a-z0-9:-][a-z0-9.:-]{0,99}$", accepts: isProject)

  static let locationGrammar = TextGrammar(
    "the name of a location, as europe-west3", pattern: "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", accepts: isLocation)

  /// Of a connection's fields, which the document's validation has seen.
  init(_ fields: FieldValues) {
    self.init(project: fields.text("project") ?? "", location: fields.text("location"))
  }

  init(project: String, location: String?) {
    self.project = project
    self.location = location
  }

  var path: String { "projects/\(project)" + (location.map { "/locations/\($0)" } ?? "") }

  /// Where the API of these secrets is (https://cloud.google.com/secret-manager/docs/reference/rest#service-endpoint).
  var standardEndpoint: String {
    location.map { "https://secretmanager.\($0).rep.googleapis.com" } ?? "https://secretmanager.googleapis.com"
  }
}

/// One version of a secret by its full name, as `projects/shop/secrets/db/versions/latest`.
struct SecretVersionName: Sendable, Equatable, CustomStringConvertible {
  static let latest = "latest"

  let parent: SecretParent
  let secret: String
  /// A number, ``latest`` or an alias.
  let version: String

  /// What is wrong with a reference.
  struct Fault: Error, Sendable, Equatable {
    let message: String
    let hint: String
  }

  /// - Throws: where the fields make no name, or name a place that the connection does not reach.
  init(_ lookup: FieldValues, in parent: SecretParent) throws(Fault) {
    let given = lookup.text("secret") ?? ""
    let version = lookup.text("version")
    guard given.hasPrefix("projects/") else {
      try self.init(parent, given, version ?? Self.latest)
      return
    }
    var names: [String: String] = [:]
    var order: [Substring] = []
    let parts = given.split(separator: "/", omittingEmptySubsequences: false)
    for index in stride(from: 0, to: parts.count - 1, by: 2) {
      order.append(parts[index])
      names[String(parts[index])] = String(parts[index + 1])
    }
    let forms: [[Substring]] = [
      ["projects", "secrets"], ["projects", "secrets", "versions"], ["projects", "locations", "secrets"],
      ["projects", "locations", "secrets", "versions"],
    ]
    guard parts.count.isMultiple(of: 2), forms.contains(order), let project = names["projects"],
      SecretParent.isProject(project)
    else {
      throw Fault(
        message: "this is not the full name of a secret",
        hint: "write it as projects/PROJECT/secrets/NAME, or just NAME")
    }
    guard names["locations"] == parent.location else {
      throw Fault(
        message: "the secret lives \(names["locations"].map { "in \(DocumentPath.shown($0))" } ?? "globally"), "
          + "the provider's secrets \(parent.location.map { "in \($0)" } ?? "globally")",
        hint: "use a provider with its location")
    }
    let named = names["versions"]
    // `latest` is what the plan writes where an entry says nothing.
    if let named, let version, version != Self.latest, named != version {
      throw Fault(message: "the name says version \(DocumentPath.shown(named))", hint: "say the version once")
    }
    try self.init(
      SecretParent(project: project, location: parent.location), names["secrets"] ?? "",
      named ?? version ?? Self.latest)
  }

  /// A name alone, or the start of a full one.
  static let grammar = TextGrammar(
    "1 to 255 letters, digits, '-' and '_', or the full name as projects/PROJECT/secrets/NAME",
    pattern: "^([A-Za-z0-9_-]{1,255}|projects/.+)$"
  ) { $0.hasPrefix("projects/") || isWord($0, 255) }

  /// What is wrong with an entry beside its connection; `nil` where nothing is.
  static func fault(of lookup: FieldValues, in connection: FieldValues) -> String? {
    do throws(Fault) {
      _ = try SecretVersionName(lookup, in: SecretParent(connection))
      return nil
    } catch {
      return "\(error.message); \(error.hint)"
    }
  }

  private init(_ parent: SecretParent, _ secret: String, _ version: String) throws(Fault) {
    guard Self.isWord(secret, 255) else {
      throw Fault(message: "a secret's name has 1 to 255 letters, digits, '-' and '_'", hint: "check secret")
    }
    guard Self.isWord(version, 63) else {
      throw Fault(message: "a version is a number, latest or an alias", hint: "check version")
    }
    self.parent = parent
    self.secret = secret
    self.version = version
  }

  private static func isWord(_ text: String, _ longest: Int) -> Bool { TextGrammar.isWord(text, 1...longest, "-_") }

  /// As the API names it.
  var description: String { "\(parent.path)/secrets/\(secret)/versions/\(version)" }

  /// How `reference` reads before anything is known of its connection.
  static func shown(_ reference: Reference) -> String {
    let secret = reference.lookup.text("secret") ?? ""
    let version = reference.lookup.text("version") ?? latest
    let parent = SecretParent(reference.connection.fields)
    let full = secret.hasPrefix("projects/") ? secret : "\(parent.path)/secrets/\(secret)"
    return DocumentPath.shown(full.contains("/versions/") ? full : "\(full)/versions/\(version)", atMost: 200)
  }
}
