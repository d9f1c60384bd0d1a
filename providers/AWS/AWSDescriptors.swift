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
    type: "aws_parameter_store", aliases: ["aws_ssm", "aws_ssm_parameter_store"],
    summary: "AWS Systems Manager Parameter Store: String, StringList and SecureString parameters, up to 10 a call",
    connection: awsConnection, authentication: .aws,
    lookup: [
      FieldDescriptor(
        "name", .text, required: true, "the parameter's name or ARN; `:3` or `:label` behind it chooses a version"),
      FieldDescriptor(
        "with_decryption", .boolean, defaultsTo: "true", "`false` gives a SecureString's ciphertext"),
    ],
    batchSize: ParameterStoreProvider.batchSize)

  /// `aws_sts` (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html). The role is the connection's: each provider
  /// gives the credentials of one session.
  static let awsSTS = ProviderDescriptor(
    type: "aws_sts",
    summary: "AWS Security Token Service: temporary credentials of a role, as three variables below the entry's name",
    connection: awsConnection + [
      FieldDescriptor(
        "role_arn", .grammar(RoleSession.roleARN), required: true, "the role to assume"),
      FieldDescriptor(
        "session_name", .grammar(RoleSession.name), defaultsTo: "JOB@NODE", "names the session in AWS's logs"),
      FieldDescriptor("external_id", .grammar(RoleSession.externalID), "what the role's trust policy asks for"),
      FieldDescriptor(
        "duration_seconds", .integer(900...43_200), defaultsTo: "3600",
        "how long they live; at most what the role allows, and 3600 where a role assumes a role"),
    ],
    connectionDefaults: ["session_name": RoleSession.standardName],
    authentication: .aws, lookup: [], refreshDefault: .halfOfRemainingLife,
    outputs: [
      .init("ACCESS_KEY_ID", field: RoleSession.accessKeyID),
      .init("SECRET_ACCESS_KEY", field: RoleSession.secretAccessKey),
      .init("SESSION_TOKEN", field: RoleSession.sessionToken),
    ],
    fieldNames: RoleSession.fields)

  private static let awsConnection = [
    FieldDescriptor("region", .grammar(AWSEndpoint.region), required: true, "the region, as eu-central-1"),
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
    AWSMethod.staticKeys.rawValue, aliases: ["access_key", "access_keys", "keys"], "an access key as it is",
    fields: [
      FieldDescriptor("access_key_id", .text, required: true, "the access key's id"),
      FieldDescriptor("secret_access_key", .credential, required: true, "the secret access key"),
      FieldDescriptor("session_token", .credential, extension: true, "the session token of a temporary key"),
    ])

  fileprivate static let profile = AuthenticationMethod(
    AWSMethod.profile.rawValue, aliases: ["file", "shared_credentials", "credentials_file"],
    "the provider's `profile` of the shared config and credentials files",
    fields: [
      FieldDescriptor(
        "path", .file, defaultsTo: "AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials",
        "a shared credentials file; read at each login")
    ])

  fileprivate static let webIdentity = AuthenticationMethod(
    AWSMethod.webIdentity.rawValue, aliases: ["irsa", "oidc", "assume_role_with_web_identity"],
    "a token of another identity provider (Kubernetes and others), given to STS",
    fields: [
      FieldDescriptor("role", .text, defaultsTo: "AWS_ROLE_ARN", "ARN of the role to assume"),
      FieldDescriptor("role_arn", .text, extension: true, "another spelling of `role`"),
      FieldDescriptor(
        "token_file", .file, defaultsTo: "AWS_WEB_IDENTITY_TOKEN_FILE",
        "a file that holds the token; read at each login"
      ),
    ],
    rules: [.atMostOne(["role", "role_arn"])])

  fileprivate static let container = AuthenticationMethod(
    AWSMethod.container.rawValue, aliases: ["ecs", "pod_identity", "eks_pod_identity"],
    "the credential endpoint of ECS or of EKS Pod Identity, which variables name", fields: [])

  fileprivate static let instanceMetadata = AuthenticationMethod(
    AWSMethod.instanceMetadata.rawValue, aliases: ["instance", "imds", "instance_profile", "ec2"],
    "the instance's role, by version 2 of the metadata service", fields: [])

  fileprivate static let standard = AuthenticationMethod(
    AWSMethod.standard.rawValue, aliases: ["iam", "default_chain"],
    "the first that is there of: variables, web identity, profile, container, instance metadata", fields: [])
}
