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

  /// The connection's own profile; empty where there is none.
  var own: Profile { profiles[name] ?? Profile() }

  /// Reads both files anew, as far as they are there and the policy lets them be read.
  ///
  /// - Throws: for a file that is there, but is not of this grammar.
  static func load(_ context: AWSContext) throws(ProviderFailure) -> SharedConfiguration {
    var shared = SharedConfiguration(name: context.profileName)
    for section in try shared.sections("AWS_CONFIG_FILE", standard: "config", context) {
      shared.take(config: section)
    }
    for section in try shared.sections("AWS_SHARED_CREDENTIALS_FILE", standard: "credentials", context) {
      shared.profiles[section.name, default: Profile()].credentials = section.values
      shared.profiles[section.name]?.values.merge(section.values) { _, own in own }
    }
    return shared
  }

  private init(name: String) { self.name = name }

  private mutating func sections(
    _ variable: String, standard name: String, _ context: AWSContext
  ) throws(ProviderFailure) -> [ConfigurationText.Section] {
    var given: String?
    if name == "credentials", case .profile(let file) = context.settings.login {
      given = file
    }
    guard let path = given ?? Self.path(variable, standard: name, context) else {
      remarks.append("neither \(variable) nor HOME says where the \(name) file is")
      return []
    }
    let content: SecretBytes
    do throws(NodeFileFault) {
      content = try context.connection.services.files.credential(path)
    } catch {
      guard given == nil else {
        throw context.connection.failures.file(error, "auth.path")
      }
      remarks.append("\(ShownText.clean(path)) \(error.message)")
      return []
    }
    do throws(ConfigurationText.Fault) {
      return try ConfigurationText.parse(content)
    } catch {
      throw context.denied(
        "\(ShownText.clean(path)) line \(error.line): \(error.message)", hint: "mend the file")
    }
  }

  /// The file's place, with `~` as the home folder.
  private static func path(_ variable: String, standard name: String, _ context: AWSContext) -> String? {
    let path = context.setting(variable) ?? "~/.aws/\(name)"
    return path.hasPrefix("~/") ? context.setting("HOME").map { $0 + path.dropFirst() } : path
  }

  /// `[profile x]` and `[default]` are profiles, `[services x]` endpoints; other sections are not for this.
  private mutating func take(config section: ConfigurationText.Section) {
    if section.name == "default" {
      profiles[section.name] = Profile(values: section.values, config: section.values)
      return
    }
    let isProfile = section.name.hasPrefix("profile")
    guard
      isProfile || section.name.hasPrefix("services"), let words = ShellWords.split(section.name), words.count == 2,
      let name = words.last
    else {
      return
    }
    if isProfile {
      profiles[name] = Profile(values: section.values, config: section.values)
    } else {
      services[name] = section.values
    }
  }

  /// The endpoint that the own profile's `services` section gives the service with this key, as `secrets_manager`.
  func endpoint(of service: String) -> String? {
    guard let section = own["services"], let nested = services[section]?[service]?.unsafeString() else {
      return nil
    }
    for line in nested.split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2, parts[0].trimmingSpace == "endpoint_url" {
        return String(parts[1].trimmingSpace)
      }
    }
    return nil
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
