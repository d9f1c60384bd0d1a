import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes
import Text

/// What AWS's two shared files say: profiles, and the endpoints of services
/// (https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html). Where both files have a key, the credentials file wins.
struct SharedConfiguration: Sendable {
  struct Profile: Sendable {
    /// Of both files.
    var values: [String: SecretBytes] = [:]
    /// Of the credentials file alone.
    var credentials: [String: SecretBytes] = [:]
    /// Of the config file alone.
    var config: [String: SecretBytes] = [:]

    subscript(key: String) -> String? { values[key]?.unsafeString() }
    /// What steers something; `nil` where it is empty.
    func setting(_ key: String) -> String? { self[key].flatMap { $0.isEmpty ? nil : $0 } }
    func has(_ key: String) -> Bool { values[key] != nil }

    var hasKeys: Bool { has("aws_access_key_id") || has("aws_secret_access_key") }
    /// A role taken with the keys of another profile; one with a web identity is taken differently.
    var hasRole: Bool { has("role_arn") && !has("web_identity_token_file") }
  }

  private let name: String
  private(set) var profiles: [String: Profile] = [:]
  /// Sections `[services x]`, by name.
  private(set) var services: [String: [String: SecretBytes]] = [:]
  /// Why a file gave nothing, a sentence each.
  private(set) var remarks: [String] = []
  /// Paths of those that were read.
  private(set) var files: [String] = []
  /// Whether one of the files is there, as far as can be known.
  private(set) var hasFile = false
  /// Whether the policy keeps one of them closed.
  private(set) var isRefused = false
  /// Where the `aws` command, as botocore, reads otherwise, a sentence each.
  private(set) var differences: [String] = []

  /// The connection's own profile; empty where there is none.
  var own: Profile { profiles[name] ?? Profile() }

  /// Reads both files anew, as far as they are there and the policy lets them be read.
  ///
  /// - Throws: for a file that is there, but is not of this grammar.
  static func load(_ context: AWSContext) throws(ProviderFailure) -> SharedConfiguration {
    var shared = SharedConfiguration(name: context.profileName)
    if let (path, text) = try shared.read("AWS_CONFIG_FILE", standard: "config", context) {
      shared.take(config: text, path)
    }
    if let (path, text) = try shared.read("AWS_SHARED_CREDENTIALS_FILE", standard: "credentials", context) {
      shared.take(credentials: text, path)
    }
    return shared
  }

  init(name: String) { self.name = name }

  // MARK: - Files

  private mutating func read(
    _ variable: String, standard name: String, _ context: AWSContext
  ) throws(ProviderFailure) -> (path: String, text: ConfigurationText)? {
    var given: String?
    if name == "credentials", case .profile(let file) = context.settings.login {
      given = file
    }
    guard let path = given ?? Self.path(variable, standard: name, context) else {
      remarks.append("neither \(variable) nor HOME says where the \(name) file is")
      return nil
    }
    let shown = ShownText.clean(path, atMost: 200)
    let content: SecretBytes
    do throws(NodeFileFault) {
      content = try context.connection.services.files.credential(path)
    } catch {
      guard given == nil else {
        throw context.connection.failures.file(error, "auth.path")
      }
      remarks.append("\(shown) \(error.message)")
      hasFile = hasFile || error.reason != .missing
      if case .refused = error.reason {
        isRefused = true
      }
      return nil
    }
    hasFile = true
    files.append(path)
    do throws(ConfigurationText.Fault) {
      let text = try ConfigurationText(content)
      differences += text.differences.map { "\(shown) line \($0.line): \($0.message)" }
      return (shown, text)
    } catch {
      throw context.denied("\(shown) line \(error.line): \(error.message)", hint: "mend the file")
    }
  }

  /// The file's place, with `~` as the home folder.
  private static func path(_ variable: String, standard name: String, _ context: AWSContext) -> String? {
    let path = context.setting(variable) ?? "~/.aws/\(name)"
    return path.hasPrefix("~/") ? context.setting("HOME").map { $0 + path.dropFirst() } : path
  }

  // MARK: - Sections

  private static let standardProfile = "default"

  /// `[profile x]` and `[default]` are profiles, `[services x]` endpoints; other sections are not for this. `[profile default]`
  /// takes the place of `[default]`, wherever the two stand.
  mutating func take(config text: ConfigurationText, _ path: String) {
    let named = text.sections.map { (section: $0, name: SectionName($0.name)) }
    let hasPrefixed = named.contains { $0.name == .init(kind: "profile", name: Self.standardProfile) }
    for (section, name) in named {
      if section.name == Self.standardProfile, hasPrefixed {
        differences.append(
          "\(path) line \(section.line): [profile default] goes before [default]; the aws command takes the last of the two"
        )
      } else if section.name == Self.standardProfile {
        take(config: section, of: section.name)
      } else if let name, name.kind == "profile" {
        take(config: section, of: name.name)
      } else if let name, name.kind == "services" {
        services[name.name, default: [:]].merge(section.values) { _, last in last }
      }
    }
  }

  private mutating func take(config section: ConfigurationText.Section, of name: String) {
    profiles[name, default: Profile()].config.merge(section.values) { _, last in last }
    profiles[name, default: Profile()].values.merge(section.values) { _, last in last }
  }

  /// Profiles have their bare names there.
  mutating func take(credentials text: ConfigurationText, _ path: String) {
    for section in text.sections where !section.name.isEmpty {
      guard SectionName(section.name)?.kind != "profile" else {
        differences.append(
          "\(path) line \(section.line): [profile …] is left out in this file; the aws command takes that as a whole name"
        )
        continue
      }
      profiles[section.name, default: Profile()].credentials.merge(section.values) { _, last in last }
      profiles[section.name, default: Profile()].values.merge(section.values) { _, last in last }
    }
  }

  /// `profile x`, where a name with white space is quoted as for a shell.
  private struct SectionName: Equatable {
    let kind: String
    let name: String

    init(kind: String, name: String) {
      self.kind = kind
      self.name = name
    }

    init?(_ section: String) {
      guard let words = ShellWords.split(section), words.count == 2, let kind = words.first, let name = words.last
      else {
        return nil
      }
      self.init(kind: kind, name: name)
    }
  }

  /// The endpoint that the own profile's `services` section gives the service with this key, as `secrets_manager`.
  func endpoint(of service: String) -> String? {
    guard let section = own.setting("services"), let nested = services[section]?[service]?.unsafeString() else {
      return nil
    }
    var endpoint: String?
    for line in nested.split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2, parts[0].trimmingSpace == "endpoint_url" {
        endpoint = String(parts[1].trimmingSpace)
      }
    }
    return endpoint
  }
}

extension Substring {
  fileprivate var trimmingSpace: Substring {
    var text = drop { $0 == " " || $0 == "\t" }
    while text.last == " " || text.last == "\t" {
      text.removeLast()
    }
    return text
  }
}
