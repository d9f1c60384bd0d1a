import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes

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

    func text(_ key: String) -> String? { values[key]?.unsafeString() }
    func has(_ key: String) -> Bool { values[key] != nil }

    var hasKeys: Bool { has("aws_access_key_id") || has("aws_secret_access_key") }
    /// A role taken with the keys of another profile; one with a web identity is taken differently.
    var hasRole: Bool { has("role_arn") && !has("web_identity_token_file") }
  }

  private(set) var profiles: [String: Profile] = [:]
  /// Sections `[services x]`, by name.
  private(set) var services: [String: [String: SecretBytes]] = [:]
  /// Why a file gave nothing, a sentence each.
  private(set) var remarks: [String] = []

  /// Reads both files anew, as far as they are there and the policy lets them be read.
  ///
  /// - Throws: for a file that is there, but is not of this grammar.
  static func load(_ context: CredentialContext) throws(ProviderFailure) -> SharedConfiguration {
    var shared = SharedConfiguration()
    let config = try shared.sections("AWS_CONFIG_FILE", standard: "config", context)
    for section in config {
      shared.take(config: section)
    }
    let credentials = try shared.sections(
      "AWS_SHARED_CREDENTIALS_FILE", standard: credentialsName, context)
    for section in credentials {
      shared.profiles[section.name, default: Profile()].credentials = section.values
      shared.profiles[section.name]?.values.merge(section.values) { _, own in own }
    }
    return shared
  }

  private mutating func sections(
    _ variable: String, standard name: String, _ context: CredentialContext
  ) throws(ProviderFailure) -> [ConfigurationText.Section] {
    let given = name == Self.credentialsName ? context.givenCredentialsFile : nil
    guard let path = given ?? Self.path(variable, standard: name, context) else {
      remarks.append("neither \(variable) nor HOME says where the \(name) file is")
      return []
    }
    let content: SecretBytes
    do throws(NodeFileFault) {
      content = try context.services.files.credential(path)
    } catch {
      guard given == nil else {
        throw context.failures.file(error, "auth.path")
      }
      remarks.append("\(DocumentPath.shown(path)) \(error.message)")
      return []
    }
    do throws(ConfigurationText.Fault) {
      return try ConfigurationText.parse(content)
    } catch {
      throw context.failures.make(
        .denied, "\(DocumentPath.shown(path)) line \(error.line): \(error.message)", hint: "mend the file")
    }
  }

  private static let credentialsName = "credentials"

  /// The file's place, with `~` as the home folder.
  private static func path(_ variable: String, standard name: String, _ context: CredentialContext) -> String? {
    let home = context.services.environment.setting("HOME")
    let path = context.services.environment.setting(variable) ?? "~/.aws/\(name)"
    guard path.hasPrefix("~/") else {
      return path
    }
    return home.map { $0 + path.dropFirst() }
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

  // MARK: - Settings

  /// The endpoint that the profile's `services` section gives the service with this key, as `secrets_manager`.
  func serviceEndpoint(_ profile: Profile, _ service: String) -> String? {
    guard let section = profile.text("services"), let nested = services[section]?[service]?.unsafeString() else {
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
