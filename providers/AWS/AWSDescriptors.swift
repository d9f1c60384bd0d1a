import ExecutionModel

extension ProviderDescriptor {
  /// `aws_secrets_manager` (https://docs.aws.amazon.com/secretsmanager/latest/apireference/).
  static let awsSecretsManager = ProviderDescriptor(
    type: "aws_secrets_manager", summary: "AWS Secrets Manager: text and binary secrets, up to 20 a call",
    connection: awsConnection, authentication: .aws,
    lookup: [
      FieldDescriptor("secret_id", .text, required: true, "the secret's name or ARN"),
      FieldDescriptor("version_id", .text, "id of a version; pinned, so never refreshed"),
      FieldDescriptor("version_stage", .text, defaultsTo: SecretLookup.currentStage, "staging label of a version"),
    ],
    lookupRules: [.atMostOne(["version_id", "version_stage"])],
    batchSize: SecretsManagerProvider.batchSize, pinningFields: ["version_id"])

  /// `aws_parameter_store` (https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-parameter-store.html).
  static let awsParameterStore = ProviderDescriptor(
    type: "aws_parameter_store", aliases: ["aws_ssm"],
    summary: "AWS Systems Manager Parameter Store: String, StringList and SecureString parameters, up to 10 a call",
    connection: awsConnection, authentication: .aws,
    lookup: [
      FieldDescriptor(
        "name", .text, required: true, "the parameter's name or ARN; `:3` or `:label` behind it chooses a version"),
      FieldDescriptor(
        "with_decryption", .boolean, defaultsTo: "true", "`false` gives a SecureString's ciphertext"),
    ],
    batchSize: ParameterStoreProvider.batchSize)

  /// `aws_sts` (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
  static let awsSTS = ProviderDescriptor(
    type: "aws_sts",
    summary: "AWS Security Token Service: temporary credentials of a role, as several values below the entry's name",
    connection: awsConnection, authentication: .aws,
    lookup: [
      FieldDescriptor("role_arn", .text, required: true, "ARN of the role to assume"),
      FieldDescriptor(
        "session_name", .text, defaultsTo: SessionName.standard,
        "names the session in AWS's logs: 2 to 64 letters, digits and `_+=,.@-`"),
      FieldDescriptor("external_id", .text, "what the role's trust policy asks for"),
      FieldDescriptor(
        "duration_seconds", .integer(900...43_200), defaultsTo: "3600",
        "how long they live; at most what the role allows, and 3600 where a role assumes a role"),
    ],
    refreshDefault: .halfOfRemainingLife, outputs: STSProvider.outputs)

  private static let awsConnection = [
    FieldDescriptor("region", .text, required: true, "the region, as eu-central-1"),
    FieldDescriptor("endpoint_url", .address, "another address than the region's own, as a VPC endpoint's"),
    FieldDescriptor("profile", .text, "profile of the shared config and credentials files; default: AWS_PROFILE"),
  ]
}

/// The names of `auth.method`.
enum AWSMethod: String, Sendable {
  case staticKeys = "static"
  case profile
  case webIdentity = "web_identity"
  case container
  case instanceMetadata = "instance_metadata"
  case standard = "default"
}

extension AuthenticationDescriptor {
  fileprivate static let aws = AuthenticationDescriptor(
    isRequired: false, methods: [.staticKeys, .profile, .webIdentity, .container, .instanceMetadata, .standard],
    defaultMethod: AWSMethod.standard.rawValue)
}

extension AuthenticationMethod {
  fileprivate static let staticKeys = AuthenticationMethod(
    AWSMethod.staticKeys.rawValue, "an access key as it is; its files are read at each login",
    fields: source("access_key_id", "the access key's id", .text) + source("secret_access_key", "the secret access key")
      + source("session_token", "the session token of a temporary key"),
    rules: [
      .exactlyOne(["access_key_id", "access_key_id_file", "access_key_id_env"]),
      .exactlyOne(["secret_access_key", "secret_access_key_file", "secret_access_key_env"]),
      .atMostOne(["session_token", "session_token_file", "session_token_env"]),
    ])

  fileprivate static let profile = AuthenticationMethod(
    AWSMethod.profile.rawValue, "a profile of the shared config and credentials files",
    fields: [FieldDescriptor("profile", .text, defaultsTo: "the provider's profile", "its name")])

  fileprivate static let webIdentity = AuthenticationMethod(
    AWSMethod.webIdentity.rawValue, "a token of another identity provider (Kubernetes and others), given to STS",
    fields: [
      FieldDescriptor("role_arn", .text, defaultsTo: "AWS_ROLE_ARN", "ARN of the role to assume"),
      FieldDescriptor("role", .text, "another spelling of `role_arn`"),
      FieldDescriptor(
        "token_file", .file, defaultsTo: "AWS_WEB_IDENTITY_TOKEN_FILE",
        "a file that holds the token; read at each login"
      ),
      FieldDescriptor("session_name", .text, defaultsTo: "AWS_ROLE_SESSION_NAME", "names the session in AWS's logs"),
    ],
    rules: [.atMostOne(["role_arn", "role"])])

  fileprivate static let container = AuthenticationMethod(
    AWSMethod.container.rawValue, "the credential endpoint of ECS or of EKS Pod Identity, which variables name",
    fields: [])

  fileprivate static let instanceMetadata = AuthenticationMethod(
    AWSMethod.instanceMetadata.rawValue, "the instance's role, by version 2 of the metadata service", fields: [])

  fileprivate static let standard = AuthenticationMethod(
    AWSMethod.standard.rawValue,
    "the first that is there of: variables, web identity, profile, container, instance metadata", fields: [])

  /// The three ways to give one credential.
  private static func source(
    _ name: String, _ summary: String, _ kind: FieldDescriptor.Kind = .credential
  ) -> [FieldDescriptor] {
    [
      FieldDescriptor(name, kind, "\(summary), literally"),
      FieldDescriptor("\(name)_file", .file, "a file that holds \(summary)"),
      FieldDescriptor("\(name)_env", .environmentVariable, "a variable of the agent that holds \(summary)"),
    ]
  }
}
