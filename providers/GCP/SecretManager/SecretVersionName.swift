import ExecutionModel
import ProviderKit
import Text

/// Where a connection's secrets live.
struct SecretParent: Sendable, Hashable {
  private static let project = Field<String>(
    "project",
    .grammar(
      TextGrammar("the id or number of a project", pattern: "^[a-z0-9:-][a-z0-9.:-]{0,99}$", accepts: isProject)),
    required: true, "the project's id or number")
  private static let location = Field<String>(
    "location",
    .grammar(
      TextGrammar(
        "the name of a location, as europe-west3", pattern: "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", accepts: isRegion)),
    "where regional secrets live, as europe-west3; default: secrets are global")

  static let fields = [project.descriptor, location.descriptor]

  /// Id or number.
  let project: String
  /// `nil`: secrets are global.
  let location: String?

  init(project: String, location: String?) {
    self.project = project
    self.location = location
  }

  init(_ values: FieldValues) throws(FieldFault) {
    project = try values.required(Self.project)
    location = values[Self.location]
  }

  /// An id, also one of a domain (`example.com:shop`), or a number
  /// (https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin).
  static func isProject(_ text: String) -> Bool {
    isLower(text, 1...100, "-.:") && text.utf8.first != UInt8(ascii: ".")
  }

  /// A cloud's region: it becomes part of a host name.
  static func isRegion(_ text: String) -> Bool {
    isLower(text, 1...40, "-") && text.utf8.first != UInt8(ascii: "-") && text.utf8.last != UInt8(ascii: "-")
  }

  private static func isLower(_ text: String, _ range: ClosedRange<Int>, _ others: String) -> Bool {
    TextGrammar.isWord(text, range, others) && !text.utf8.contains { (0x41...0x5a).contains($0) }
  }

  var path: String {
    guard let location else {
      return "projects/\(project)"
    }
    return "projects/\(project)/locations/\(location)"
  }

  /// Where the API of these secrets is (https://cloud.google.com/secret-manager/docs/reference/rest#service-endpoint).
  var standardEndpoint: String {
    location.map { "https://secretmanager.\($0).rep.googleapis.com" } ?? "https://secretmanager.googleapis.com"
  }
}

/// One version of a secret, known by its full name: what an entry of `secrets` asks for.
public struct SecretVersionName: SecretLookup {
  static let latest = "latest"

  private static let secret = Field<String>(
    "secret",
    .grammar(
      TextGrammar(
        "1 to 255 letters, digits, '-' and '_', or the full name as projects/PROJECT/secrets/NAME",
        pattern: "^([A-Za-z0-9_-]{1,255}|projects/.+)$"
      ) { $0.hasPrefix("projects/") || isWord($0, 255) }),
    required: true, "name of the secret, or its full name as projects/PROJECT/secrets/NAME")
  private static let version = Field<String>(
    "version", .version(.numberOrName), defaultsTo: latest,
    "version of the secret: a number, `latest`, or an alias; a number pins it")

  static let fields = [secret.descriptor, version.descriptor, PreviousVersion.field.descriptor]

  let parent: SecretParent
  let secret: String
  /// A number, ``latest`` or an alias.
  let version: String

  /// - Throws: where the fields make no name, or name a place that the connection does not reach.
  init(_ values: FieldValues, in parent: SecretParent) throws(FieldFault) {
    let given = try values.required(Self.secret)
    let version = values[Self.version]
    guard given.hasPrefix("projects/") else {
      try self.init(parent, given, version ?? Self.latest)
      return
    }
    var parts = given.split(separator: "/", omittingEmptySubsequences: false)[...]
    func next(_ collection: String) -> String? {
      guard parts.count > 1, let word = parts.first, word == collection else {
        return nil
      }
      parts.removeFirst()
      return String(parts.removeFirst())
    }
    let (project, location, secret, named) = (next("projects"), next("locations"), next("secrets"), next("versions"))
    guard parts.isEmpty, let project, SecretParent.isProject(project), let secret else {
      throw Self.fault(
        "this is not the full name of a secret; write it as projects/PROJECT/secrets/NAME, or just NAME")
    }
    guard location == parent.location else {
      throw Self.fault(
        "the secret lives \(location.map { "in \(ShownText.clean($0))" } ?? "globally"), "
          + "the provider's secrets \(parent.location.map { "in \($0)" } ?? "globally"); "
          + "use a provider with its location")
    }
    // That it is the latest may be said beside a name that says which: it is what holds where nothing is said.
    if let named, let version, version != Self.latest, named != version {
      throw Self.fault("the name says version \(ShownText.clean(named)); say the version once")
    }
    try self.init(SecretParent(project: project, location: location), secret, named ?? version ?? Self.latest)
  }

  private init(_ parent: SecretParent, _ secret: String, _ version: String) throws(FieldFault) {
    guard Self.isWord(secret, 255) else {
      throw Self.fault("a secret's name has 1 to 255 letters, digits, '-' and '_'; check secret")
    }
    guard Self.isWord(version, 63) else {
      throw Self.fault("a version is a number, latest or an alias; check version")
    }
    self.parent = parent
    self.secret = secret
    self.version = version
  }

  private init(_ name: SecretVersionName, number: Int64) {
    parent = name.parent
    secret = name.secret
    version = String(number)
  }

  /// The same secret in another version.
  func at(_ number: Int64) -> SecretVersionName { SecretVersionName(self, number: number) }

  private static func fault(_ message: String) -> FieldFault { FieldFault(secret.descriptor.name, message) }

  private static func isWord(_ text: String, _ longest: Int) -> Bool { TextGrammar.isWord(text, 1...longest, "-_") }

  /// A number does, in the full name as in the field.
  public var namesOneVersion: Bool { version.utf8.allSatisfy(\.isDigit) }

  public var previousObstacle: String? { nil }

  /// As the API names it: `projects/shop/secrets/db/versions/latest`.
  var path: String { "\(allVersions)/\(version)" }

  /// The collection of the secret's versions.
  var allVersions: String { "\(parent.path)/secrets/\(secret)/versions" }

  public var description: String { ShownText.clean(path, atMost: 200) }
}
