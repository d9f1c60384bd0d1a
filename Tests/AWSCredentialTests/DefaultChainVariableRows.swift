/// Of the agent's own environment.
extension DefaultChainRow {
  private static let file = "[default]\n" + keys("AKFILE")
  private static let unset = "environment, web identity, profile, container: not set up"

  static let variables: [DefaultChainRow] = [
    .init("keys", pair, gives: .key("AKENV", from: "environment")),
    .init(
      "temporary keys", with(pair, ["AWS_SESSION_TOKEN": "t"]), gives: .key("AKENV", from: "environment", token: "t")),
    .init(
      "white space around them", with(pair, ["AWS_ACCESS_KEY_ID": " AKENV\n"]),
      gives: .key("AKENV", from: "environment")),
    .init("a blank token", with(pair, ["AWS_SESSION_TOKEN": " \t"]), gives: .key("AKENV", from: "environment")),
    .init(
      "a blank token before the older name's", with(pair, ["AWS_SESSION_TOKEN": " ", "AWS_SECURITY_TOKEN": "old"]),
      gives: .key("AKENV", from: "environment", token: "old")),
    .init(
      "tokens of both names", with(pair, ["AWS_SESSION_TOKEN": "t", "AWS_SECURITY_TOKEN": "old"]),
      gives: .key("AKENV", from: "environment", token: "t")),
    .init(
      "an empty id", with(pair, ["AWS_ACCESS_KEY_ID": ""]),
      gives: .nothing("environment: AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not")),
    .init("a blank id", with(pair, ["AWS_ACCESS_KEY_ID": "  "]), gives: .nothing("but AWS_ACCESS_KEY_ID is not")),
    .init("both blank", ["AWS_ACCESS_KEY_ID": " ", "AWS_SECRET_ACCESS_KEY": "\t"], gives: .nothing(unset)),
    .init(
      "a blank id beside a profile", with(pair, ["AWS_ACCESS_KEY_ID": " "]), credentials: file,
      gives: .key("AKFILE", from: "profile default")),
    .init("an id alone", ["AWS_ACCESS_KEY_ID": "AKENV"], gives: .fault("AWS_SECRET_ACCESS_KEY is not")),
    .init(
      "a blank secret", with(pair, ["AWS_SECRET_ACCESS_KEY": " \t"]), gives: .fault("AWS_SECRET_ACCESS_KEY is not")),
    .init(
      "half of it beside a whole profile", ["AWS_ACCESS_KEY_ID": "AKENV"], credentials: file,
      gives: .fault("AWS_SECRET_ACCESS_KEY is not")),
    .init("a token alone", ["AWS_SESSION_TOKEN": "t"], gives: .nothing(unset)),
    .init("ended keys", with(pair, ["AWS_CREDENTIAL_EXPIRATION": past]), gives: .key("AKENV", from: "environment")),
    .init("an end that is no date", with(pair, ["AWS_CREDENTIAL_EXPIRATION": "soon"]), gives: .fault("is not a date")),
    .init("a blank end", with(pair, ["AWS_CREDENTIAL_EXPIRATION": " "]), gives: .key("AKENV", from: "environment")),
    .init("nothing at all", gives: .nothing(unset)),
  ]

  static let webIdentity: [DefaultChainRow] = [
    .init(
      "web identity", pod, files: token, answers: sts(), gives: .key("ASIA1", from: "web identity", token: "token/+==")),
    .init(
      "web identity and keys", with(pod, pair), files: token, answers: sts(), gives: .key("AKENV", from: "environment")),
    .init(
      "web identity and a profile", pod, credentials: file, files: token, answers: sts(),
      gives: .key("ASIA1", from: "web identity", token: "token/+==")),
    .init(
      "a token file without a role", with(pod, ["AWS_ROLE_ARN": ""]), files: token, gives: .fault("AWS_ROLE_ARN is not")
    ),
    .init("a blank role", with(pod, ["AWS_ROLE_ARN": " "]), files: token, gives: .fault("AWS_ROLE_ARN is not")),
    .init("a role without a token file", ["AWS_ROLE_ARN": "arn:r"], gives: .nothing(unset)),
    .init("a blank token file", with(pod, ["AWS_WEB_IDENTITY_TOKEN_FILE": " "]), gives: .nothing(unset)),
    .init("a token file that is not there", pod, gives: .fault("token does not exist")),
    .init("an empty token file", pod, files: ["token": ""], gives: .fault("token is empty")),
    .init("a blank token in its file", pod, files: ["token": " \n"], gives: .fault("token is empty")),
    .init(
      "an ended token", pod, files: token, answers: sts(400, STSBody.error("ExpiredTokenException", "x")),
      gives: .fault("renew the token")),
    .init(
      "an ended token beside a profile", pod, credentials: file, files: token,
      answers: sts(400, STSBody.error("ExpiredTokenException", "x")), gives: .fault("renew the token")),
    .init(
      "credentials of the past from STS", pod, files: token,
      answers: sts(200, STSBody.assumeRole("ASIA1", expiration: past)),
      gives: .key("ASIA1", from: "web identity", token: "token/+==")),
    .init(
      "half an answer of STS", pod, files: token,
      answers: sts(200, STSBody.assumeRole("ASIA1").replacing("SessionToken", with: "Other")),
      gives: .fault("the answer has no SessionToken")),
  ]

  private static let two = "[profile x]\n\(keys("AKX"))[profile y]\n\(keys("AKY"))"

  /// AWS_PROFILE beside other variables.
  static let profileChoice: [DefaultChainRow] = [
    .init("AWS_PROFILE", ["AWS_PROFILE": "x"], config: two, gives: .key("AKX", from: "profile x")),
    .init(
      "AWS_PROFILE and keys", with(pair, ["AWS_PROFILE": "x"]), config: two,
      gives: .key("AKENV", from: "environment (goes before AWS_PROFILE)")),
    .init(
      "AWS_PROFILE and half of the keys", ["AWS_PROFILE": "x", "AWS_ACCESS_KEY_ID": "AKENV"], config: two,
      gives: .fault("AWS_SECRET_ACCESS_KEY is not")),
    .init(
      "AWS_PROFILE and web identity", with(pod, ["AWS_PROFILE": "x"]), config: two, files: token, answers: sts(),
      gives: .key(
        "ASIA1", from: "web identity role arn:aws:iam::123456789012:role/pod (goes before AWS_PROFILE)",
        token: "token/+==")),
    .init(
      "AWS_PROFILE and a token file without a role", with(pod, ["AWS_PROFILE": "x", "AWS_ROLE_ARN": ""]), config: two,
      files: token, gives: .fault("AWS_ROLE_ARN is not")),
    .init("AWS_PROFILE that is not there", ["AWS_PROFILE": "z"], config: two, gives: .fault("there is no profile z")),
    .init(
      "AWS_PROFILE that is not there, and keys", with(pair, ["AWS_PROFILE": "z"]), config: two,
      gives: .key("AKENV", from: "environment")),
    .init(
      "both names of it", ["AWS_PROFILE": "x", "AWS_DEFAULT_PROFILE": "y"], config: two,
      gives: .key("AKX", from: "profile x")),
    .init(
      "a blank AWS_PROFILE before the other name", ["AWS_PROFILE": " ", "AWS_DEFAULT_PROFILE": "y"], config: two,
      gives: .key("AKY", from: "profile y")),
    .init(
      "a blank AWS_PROFILE", ["AWS_PROFILE": "\t"], credentials: file, gives: .key("AKFILE", from: "profile default")),
    .init(
      "blank places of the files", ["AWS_CONFIG_FILE": " ", "AWS_SHARED_CREDENTIALS_FILE": " "], credentials: file,
      gives: .key("AKFILE", from: "profile default")),
  ]
}
