/// Of the shared files, and of what profiles lean on.
extension DefaultChainRow {
  private static func profile(_ text: String) -> String { "[default]\n\(text)\n" }
  private static let together = "belong together"

  static let files: [DefaultChainRow] = [
    .init("the config file", config: profile(keys("AKC")), gives: .key("AKC", from: "profile default")),
    .init("the credentials file", credentials: profile(keys("AKF")), gives: .key("AKF", from: "profile default")),
    .init(
      "both", config: profile(keys("AKC")), credentials: profile(keys("AKF")),
      gives: .key("AKF", from: "profile default")),
    .init("both empty", config: "", credentials: "", gives: .nothing("profile: there is no profile default;")),
    .init("an empty profile", config: "[default]", gives: .nothing("profile default has no credentials")),
    .init("an id alone", credentials: profile("aws_access_key_id = A"), gives: .fault(together)),
    .init("a secret alone", credentials: profile("aws_secret_access_key = s"), gives: .fault(together)),
    .init(
      "an empty id", credentials: profile("aws_access_key_id =\naws_secret_access_key = s"), gives: .fault(together)),
    .init(
      "a blank secret", credentials: profile("aws_access_key_id = A\naws_secret_access_key =  \t"),
      gives: .fault(together)),
    .init(
      "a half in each file", config: profile("aws_secret_access_key = s"),
      credentials: profile("aws_access_key_id = A"),
      gives: .fault(together)),
    .init(
      "an empty token", credentials: profile(keys("AKF") + "aws_session_token ="),
      gives: .key("AKF", from: "profile default")),
    .init(
      "a token beside the other file's keys", config: profile("aws_session_token = t"),
      credentials: profile(keys("AKF")), gives: .key("AKF", from: "profile default")),
    .init(
      "comments behind values",
      credentials: profile(
        "aws_access_key_id = AKF # mine\naws_secret_access_key = s ; too\naws_session_token = # none"),
      gives: .key("AKF", from: "profile default")),
    .init(
      "a section twice", credentials: profile("aws_access_key_id = AKF") + profile("aws_secret_access_key = s"),
      gives: .key("AKF", from: "profile default")),
    .init("a key twice", credentials: profile(keys("A") + keys("AKF")), gives: .key("AKF", from: "profile default")),
    .init(
      "[profile default] before [default]", config: "[profile default]\n\(keys("AKP"))[default]\n\(keys("AKD"))",
      gives: .key("AKP", from: "profile default")),
    .init(
      "[default] before [profile default]", config: "[default]\n\(keys("AKD"))[profile default]\n\(keys("AKP"))",
      gives: .key("AKP", from: "profile default")),
    .init(
      "blanks inside brackets", config: "[ default ]\n\(keys("A"))[\tprofile  x ]\n",
      credentials: "[ default]\n\(keys("AKF"))",
      gives: .key("AKF", from: "profile default")),
    .init(
      "[DEFAULT] lends nothing", config: "[DEFAULT]\naws_secret_access_key = s\n[default]\naws_access_key_id = A",
      gives: .fault(together)),
    .init(
      "[profile x] among credentials", credentials: "[profile default]\n\(keys("A"))",
      gives: .nothing("no profile default")),
    .init(
      "a section without an end", config: "[default\n\(keys("A"))",
      gives: .fault("config line 1: a section does not end")),
    .init("a key before sections", config: keys("A"), gives: .fault("config line 1: a key stands before")),
    .init(
      "a line that is none", credentials: profile(keys("A") + "nothing"), gives: .fault("credentials line 4: neither")),
    .init(
      "a malformed line of a block", config: profile("s3 =\n  nothing\n" + keys("A")), gives: .fault("config line 3")),
    .init("sso", config: profile("sso_account_id = 1\nsso_role_name = r"), gives: .fault("IAM Identity Center")),
    .init("half of sso", config: profile("sso_role_name = r\n" + keys("A")), gives: .fault("IAM Identity Center")),
    .init(
      "a login session", config: profile("login_session = x\n" + keys("A")), gives: .fault("a person at a browser")),
  ]

  private static func role(_ more: String) -> String {
    profile("role_arn = arn:aws:iam::123456789012:role/app\n\(more)")
  }

  static let roles: [DefaultChainRow] = [
    .init(
      "a role of its own keys", config: role("source_profile = default\n" + keys("AKC")), answers: sts(),
      gives: .key("ASIA1", from: "role arn:aws:iam::123456789012:role/app of profile default", token: "token/+==")),
    .init(
      "an empty role", config: profile("role_arn =\nsource_profile = default\n" + keys("A")),
      gives: .fault("role_arn is empty")),
    .init("a role without a source", config: role(""), gives: .fault("needs source_profile or credential_source")),
    .init(
      "a role of two sources", config: role("source_profile = default\ncredential_source = Environment\n" + keys("A")),
      gives: .fault("exclude each other")),
    .init("a source that is not there", config: role("source_profile = x"), gives: .fault("x does not exist")),
    .init(
      "a source without credentials", config: role("source_profile = x") + "[profile x]\n",
      gives: .fault("has no credentials")
    ),
    .init(
      "a source with half of its keys", config: role("source_profile = x") + "[profile x]\naws_access_key_id = A\n",
      gives: .fault(together)),
    .init("a source in a circle", config: role("source_profile = default"), gives: .fault("in a circle")),
    .init("an unknown source", config: role("credential_source = Moon"), gives: .fault("is not known")),
    .init(
      "a source of blank variables", config: role("credential_source = Environment"),
      gives: .fault("AWS_ACCESS_KEY_ID is not set")),
    .init(
      "a duration that is none", config: role("source_profile = default\nduration_seconds = long\n" + keys("A")),
      gives: .fault("is not a number from 900 to 43200")),
    .init(
      "mfa", config: role("source_profile = default\nmfa_serial = x\n" + keys("A")),
      gives: .fault("only a person can give")),
    .init(
      "a token file without a role", config: profile("web_identity_token_file = HOME/token"),
      gives: .fault("needs role_arn")),
    .init(
      "a token file and a source", config: role("web_identity_token_file = HOME/token\nsource_profile = x"),
      files: token,
      answers: sts(), gives: .key("ASIA1", from: "web identity", token: "token/+==")),
    .init(
      "an empty token file's name", config: role("web_identity_token_file ="), gives: .nothing("has no credentials")),
    .init(
      "a role that refuses", config: role("source_profile = default\n" + keys("AKC")),
      answers: sts(403, STSBody.error("AccessDenied", "no")), gives: .fault("trust policy")),
  ]

  private static func printing(_ text: String) -> String {
    profile("credential_process = /bin/echo '\(text)'")
  }

  static let commands: [DefaultChainRow] = [
    .init(
      "a command", config: printing(#"{"Version": 1, "AccessKeyId": "AKP", "SecretAccessKey": "s"}"#),
      runsCommand: true,
      gives: .key("AKP", from: "process of profile default")),
    .init(
      "a command's ended keys",
      config: printing(#"{"Version": 1, "AccessKeyId": "AKP", "SecretAccessKey": "s", "Expiration": "\#(past)"}"#),
      runsCommand: true, gives: .key("AKP", from: "process of profile default")),
    .init(
      "a command's half", config: printing(#"{"Version": 1, "AccessKeyId": "A"}"#), runsCommand: true,
      gives: .fault("printed no")),
    .init(
      "a command's empty id", config: printing(#"{"Version": 1, "AccessKeyId": "", "SecretAccessKey": "s"}"#),
      runsCommand: true, gives: .fault("printed no")),
    .init(
      "a command's end that is no date",
      config: printing(#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": "soon"}"#),
      runsCommand: true, gives: .fault("no date")),
    .init("a command of no version", config: printing("{}"), runsCommand: true, gives: .fault("another Version")),
    .init("a command that prints nothing", config: printing(""), runsCommand: true, gives: .fault("not JSON")),
    .init("an empty command", config: profile("credential_process ="), gives: .fault("is not a command line")),
    .init(
      "a command that fails, beside keys", config: profile("credential_process = /bin/false\n" + keys("A")),
      runsCommand: true, gives: .fault("ended with status 1")),
    .init(
      "a command and the credentials file", config: profile("credential_process = /bin/false"),
      credentials: profile(keys("AKF")), gives: .key("AKF", from: "profile default")),
  ]
}
