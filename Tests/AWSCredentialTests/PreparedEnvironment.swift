import Testing

/// An environment with files, in which two clients look for credentials. `PORT` in any text stands for the server's port, `HOME` for
/// the home folder.
struct PreparedEnvironment: Sendable, CustomTestStringConvertible {
  let name: String
  /// botocore's name of the source; `none` and `error` where there is none.
  let method: String
  var variables: [String: String] = [:]
  var config: String?
  var credentials: String?
  var files: [String: String] = [:]
  /// The profile that the document, or the session, names.
  var profile: String?
  var hasInstanceMetadata = false

  var testDescription: String { name }

  private static let environment = ["AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "s"]
  private static let webIdentity = [
    "AWS_WEB_IDENTITY_TOKEN_FILE": "HOME/token", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod",
  ]
  private static let container = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:PORT/task"]
  private static func keys(_ name: String) -> String {
    "aws_access_key_id = \(name)\naws_secret_access_key = s\n"
  }
  private static func role(_ name: String, _ more: String) -> String {
    "role_arn = arn:aws:iam::123456789012:role/\(name)\n\(more)\n"
  }
  private static let process = #"credential_process = /bin/cat "HOME/printed keys""#
  private static let printed = [
    "printed keys": #"{"Version": 1, "AccessKeyId": "AKPRINTED", "SecretAccessKey": "s", "SessionToken": "t"}"#
  ]

  static let all: [PreparedEnvironment] = fromVariables + fromFiles + fromRoles + fromServices

  static let fromVariables: [PreparedEnvironment] = [
    PreparedEnvironment(name: "keys in variables", method: "env", variables: environment),
    PreparedEnvironment(
      name: "temporary keys in variables", method: "env",
      variables: environment.merging(["AWS_SESSION_TOKEN": "t"]) { $1 }),
    PreparedEnvironment(
      name: "variables go before everything", method: "env",
      variables: environment.merging(webIdentity) { $1 }.merging(container) { $1 },
      config: "[default]\n" + keys("AKCONFIG"), credentials: "[default]\n" + keys("AKFILE"),
      files: ["token": "a.jwt"], hasInstanceMetadata: true),
    PreparedEnvironment(
      name: "variables go before AWS_PROFILE", method: "env",
      variables: environment.merging(["AWS_PROFILE": "x"]) { $1 },
      config: "[profile x]\n" + keys("AKX")),
    PreparedEnvironment(
      name: "an id without a secret", method: "error", variables: ["AWS_ACCESS_KEY_ID": "AKENV"],
      credentials: "[default]\n" + keys("AKFILE")),
    PreparedEnvironment(
      name: "an empty id counts as none", method: "shared-credentials-file",
      variables: ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "s"], credentials: "[default]\n" + keys("AKFILE")),
    PreparedEnvironment(
      name: "web identity", method: "assume-role-with-web-identity", variables: webIdentity, files: ["token": "a.jwt"]),
    PreparedEnvironment(
      name: "web identity with a session name", method: "assume-role-with-web-identity",
      variables: webIdentity.merging(["AWS_ROLE_SESSION_NAME": "named"]) { $1 }, files: ["token": "a.jwt"]),
    PreparedEnvironment(
      name: "web identity goes before files", method: "assume-role-with-web-identity", variables: webIdentity,
      credentials: "[default]\n" + keys("AKFILE"), files: ["token": "a.jwt"]),
    PreparedEnvironment(
      name: "web identity without a role", method: "error",
      variables: ["AWS_WEB_IDENTITY_TOKEN_FILE": "HOME/token"], files: ["token": "a.jwt"]),
    PreparedEnvironment(name: "web identity without its file", method: "error", variables: webIdentity),
    PreparedEnvironment(
      name: "a role without web identity", method: "shared-credentials-file",
      variables: ["AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod"], credentials: "[default]\n" + keys("AKFILE")),
  ]

  static let fromFiles: [PreparedEnvironment] = [
    PreparedEnvironment(
      name: "credentials file", method: "shared-credentials-file", credentials: "[default]\n" + keys("AKFILE")),
    PreparedEnvironment(name: "config file", method: "config-file", config: "[default]\n" + keys("AKCONFIG")),
    PreparedEnvironment(
      name: "credentials file wins", method: "shared-credentials-file", config: "[default]\n" + keys("AKCONFIG"),
      credentials: "[default]\n" + keys("AKFILE")),
    PreparedEnvironment(
      name: "AWS_PROFILE", method: "config-file", variables: ["AWS_PROFILE": "x y"],
      config: "[default]\n" + keys("AKCONFIG") + "[profile \"x y\"]\n" + keys("AKX")),
    PreparedEnvironment(
      name: "a profile that is not there", method: "error", variables: ["AWS_PROFILE": "none"],
      config: "[default]\n" + keys("AKCONFIG")),
    PreparedEnvironment(
      name: "a named profile goes before variables", method: "shared-credentials-file",
      variables: environment.merging(webIdentity) { $1 }, credentials: "[x]\n" + keys("AKX"),
      files: ["token": "a.jwt"], profile: "x"),
    PreparedEnvironment(
      name: "files in other places", method: "shared-credentials-file",
      variables: ["AWS_CONFIG_FILE": "~/c", "AWS_SHARED_CREDENTIALS_FILE": "HOME/k"],
      credentials: "[default]\n" + keys("AKFILE"), files: ["k": "[default]\n" + keys("AKOTHER"), "c": ""]),
    PreparedEnvironment(
      name: "comments, spaces, colons, capitals and nested values", method: "config-file",
      config: """
        # a comment
        ; another
        [preview]
        x = 1
        [default]
        s3 =
          max_concurrent_requests = 20

          addressing_style = path
        AWS_Access_Key_Id:   AKCONFIG  
          # within
        aws_secret_access_key=a=b#not a comment
        """),
    PreparedEnvironment(
      name: "a line of a block that is none", method: "error", config: "[default]\ns3 =\n  nothing\n" + keys("A")),
    PreparedEnvironment(name: "a line that is none", method: "error", config: "[default]\n" + keys("A") + "nothing\n"),
    PreparedEnvironment(name: "a key before sections", method: "error", config: keys("A")),
    PreparedEnvironment(
      name: "an id and its secret in two files", method: "error", config: "[default]\naws_secret_access_key = s",
      credentials: "[default]\naws_access_key_id = A"),
    PreparedEnvironment(
      name: "default twice over", method: "config-file",
      config: "[default]\n" + keys("AK1") + "[profile default]\n" + keys("AK2")),
    PreparedEnvironment(name: "a command", method: "custom-process", config: "[default]\n" + process, files: printed),
    PreparedEnvironment(
      name: "a command goes before the config file's keys", method: "custom-process",
      config: "[default]\n" + keys("AKCONFIG") + process, files: printed),
    PreparedEnvironment(
      name: "the credentials file's keys go before a command", method: "shared-credentials-file",
      config: "[default]\n" + process, credentials: "[default]\n" + keys("AKFILE"), files: printed),
    PreparedEnvironment(
      name: "a command that fails", method: "error", config: "[default]\ncredential_process = /bin/false"),
    PreparedEnvironment(
      name: "a command of another version", method: "error", config: "[default]\n" + process,
      files: ["printed keys": #"{"Version": 2, "AccessKeyId": "A", "SecretAccessKey": "s"}"#]),
  ]

  static let fromRoles: [PreparedEnvironment] = [
    PreparedEnvironment(
      name: "a role by another profile", method: "assume-role",
      config: "[default]\n" + role("app", "source_profile = base") + "[profile base]\n" + keys("AKBASE")),
    PreparedEnvironment(
      name: "a role with everything", method: "assume-role",
      config: "[default]\n"
        + role("app", "source_profile=base\nexternal_id = ext\nrole_session_name = named\nduration_seconds = 1800"),
      credentials: "[base]\n" + keys("AKBASE")),
    PreparedEnvironment(
      name: "a role by a role", method: "assume-role",
      config: "[default]\n" + role("outer", "source_profile = middle") + "[profile middle]\n"
        + role("inner", "source_profile = base") + "[profile base]\n" + keys("AKBASE")),
    PreparedEnvironment(
      name: "a role by itself", method: "assume-role",
      config: "[default]\n" + role("app", "source_profile = default") + keys("AKSELF")),
    PreparedEnvironment(
      name: "a role by itself without keys", method: "error",
      config: "[default]\n" + role("app", "source_profile = default")),
    PreparedEnvironment(
      name: "roles in a circle", method: "error",
      config: "[default]\n" + role("a", "source_profile = b") + "[profile b]\n" + role("b", "source_profile = c")
        + "[profile c]\n" + role("c", "source_profile = b")),
    PreparedEnvironment(
      name: "a source's keys end the row", method: "assume-role",
      config: "[default]\n" + role("a", "source_profile = b") + "[profile b]\n" + role("b", "source_profile = default")
        + keys("AKB")),
    PreparedEnvironment(
      name: "a source that is not there", method: "error", config: "[default]\n" + role("app", "source_profile = none")),
    PreparedEnvironment(name: "a role without a source", method: "error", config: "[default]\n" + role("app", "")),
    PreparedEnvironment(
      name: "a role with two sources", method: "error",
      config: "[default]\n" + role("app", "source_profile = base\ncredential_source = Environment") + "[profile base]\n"
        + keys("AKBASE")),
    PreparedEnvironment(
      name: "a role by variables", method: "assume-role", variables: environment,
      config: "[profile x]\n" + role("app", "credential_source = Environment"), profile: "x"),
    PreparedEnvironment(
      name: "a role by the container", method: "assume-role", variables: container,
      config: "[default]\n" + role("app", "credential_source = EcsContainer")),
    PreparedEnvironment(
      name: "a role by the instance", method: "assume-role",
      config: "[default]\n" + role("app", "credential_source = Ec2InstanceMetadata"), hasInstanceMetadata: true),
    PreparedEnvironment(
      name: "an unknown source", method: "error", config: "[default]\n" + role("app", "credential_source = Moon")),
    PreparedEnvironment(
      name: "a profile's web identity", method: "assume-role-with-web-identity",
      config: "[default]\n" + role("pod", "web_identity_token_file = HOME/token\nrole_session_name = pod"),
      files: ["token": "a.jwt"]),
    PreparedEnvironment(
      name: "a role by a profile's web identity", method: "assume-role",
      config: "[default]\n" + role("app", "source_profile = w") + "[profile w]\n"
        + role("pod", "web_identity_token_file = HOME/token"), files: ["token": "a.jwt"]),
    PreparedEnvironment(
      name: "a role by a command", method: "assume-role",
      config: "[default]\n" + role("app", "source_profile = p") + "[profile p]\n" + process, files: printed),
  ]

  static let fromServices: [PreparedEnvironment] = [
    PreparedEnvironment(name: "the container", method: "container-role", variables: container),
    PreparedEnvironment(
      name: "the container with a token", method: "container-role",
      variables: container.merging(["AWS_CONTAINER_AUTHORIZATION_TOKEN": "abc"]) { $1 }),
    PreparedEnvironment(
      name: "the container with a token's file", method: "container-role",
      variables: container.merging([
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "abc", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "HOME/token",
      ]) { $1 }, files: ["token": "fromfile"]),
    PreparedEnvironment(
      name: "a token with a line break", method: "error",
      variables: container.merging(["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "HOME/token"]) { $1 },
      files: ["token": "abc\nX-Evil: 1"]),
    PreparedEnvironment(
      name: "a container's address elsewhere over http", method: "error",
      variables: ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1:PORT/task"]),
    PreparedEnvironment(
      name: "a container that refuses", method: "error",
      variables: ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:PORT/refused"], hasInstanceMetadata: true),
    PreparedEnvironment(
      name: "files go before the container", method: "shared-credentials-file", variables: container,
      credentials: "[default]\n" + keys("AKFILE")),
    PreparedEnvironment(
      name: "the container goes before the instance", method: "container-role", variables: container,
      hasInstanceMetadata: true),
    PreparedEnvironment(name: "the instance", method: "iam-role", hasInstanceMetadata: true),
    PreparedEnvironment(
      name: "the instance where the profile says", method: "iam-role",
      config: "[default]\nec2_metadata_service_endpoint = http://127.0.0.1:PORT/\nregion = eu-central-1\n",
      files: ["instance": "by profile"]),
    PreparedEnvironment(
      name: "a profile without credentials goes on to the instance", method: "iam-role",
      config: "[default]\nregion = eu-west-1\n", hasInstanceMetadata: true),
    PreparedEnvironment(name: "nothing at all", method: "none"),
  ]
}
