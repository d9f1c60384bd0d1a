import AWSSigning
import ExecutionModel
import HTTPTransport
import SecretBytes
import Text

/// What every type of AWS reads of an entry of `secret_providers`.
public struct AWSConnection: Sendable {
  private static let region = Field<String>(
    "region", .grammar(AWSRegion.grammar), required: true, "the region, as eu-central-1")
  private static let endpoint = Field<HTTPURL>(
    "endpoint_url", .address, "another address than the region's own, as a VPC endpoint's")
  private static let profile = Field<String>(
    "profile", .text, "profile of the shared config and credentials files; default: AWS_PROFILE")

  static let fields = [region.descriptor, endpoint.descriptor, profile.descriptor]

  let region: String
  let endpoint: HTTPURL?
  let profile: String?
  let login: AWSLogin

  init(_ values: ConnectionValues) throws(FieldFault) {
    region = try values.fields.required(Self.region)
    endpoint = values.fields[Self.endpoint]
    profile = values.fields[Self.profile]
    login = try AWSLogin.declaration.login(of: values)
  }
}

/// Where a connection's credentials come from.
enum AWSLogin: Sendable {
  case keys(AWSCredentials)
  /// - Parameter credentialsFile: `nil`: the one that the environment names.
  case profile(credentialsFile: String?)
  /// What is `nil` is said by the environment.
  case webIdentity(role: String?, token: IdentityTokenSource?)
  case container
  case instanceMetadata
  /// The first place that has some of those at which AWS's SDKs look.
  case standard

  static let declaration = Authentication<AWSLogin>(
    isRequired: false, methods: [givenKeys, profiles, webIdentities, containers, instances, standardOrder],
    defaultMethod: standardOrder.descriptor.name)

  private static let accessKeyID = Field<String>("access_key_id", .text, required: true, "the access key's id")
  private static let secretAccessKey = Field<SecretBytes>(
    "secret_access_key", .credential, required: true, "the secret access key")
  private static let sessionToken = Field<SecretBytes>(
    "session_token", .credential, extension: true, "the session token of a temporary key")

  private static let givenKeys = LoginMethod<AWSLogin>(
    "static", aliases: ["access_key", "access_keys", "keys"], "an access key as it is",
    fields: [accessKeyID.descriptor, secretAccessKey.descriptor, sessionToken.descriptor]
  ) { values throws(FieldFault) in
    .keys(
      AWSCredentials(
        accessKeyID: try values.required(accessKeyID), secretAccessKey: try values.required(secretAccessKey),
        sessionToken: values[sessionToken]))
  }

  private static let path = Field<String>(
    "path", .file, defaultsTo: "AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials",
    "a shared credentials file; read at each login")

  private static let profiles = LoginMethod<AWSLogin>(
    "profile", aliases: ["file", "shared_credentials", "credentials_file"],
    "the provider's `profile` of the shared config and credentials files", fields: [path.descriptor]
  ) { values in .profile(credentialsFile: values[path]) }

  private static let role = Field<String>("role", .text, defaultsTo: "AWS_ROLE_ARN", "ARN of the role to assume")
  private static let roleARN = Field<String>("role_arn", .text, extension: true, "another spelling of `role`")
  private static let tokenFile = Field<String>(
    "token_file", .identityFile, defaultsTo: "AWS_WEB_IDENTITY_TOKEN_FILE",
    "a file that holds the token; read at each login")

  private static let webIdentities = LoginMethod<AWSLogin>(
    "web_identity", aliases: ["irsa", "oidc", "assume_role_with_web_identity"],
    "a token of another identity provider (Kubernetes and others), given to STS",
    fields: [role.descriptor, roleARN.descriptor, tokenFile.descriptor, IdentityTokenSource.spiffe.descriptor],
    rules: [
      .atMostOne(["role", "role_arn"]),
      .atMostOne([tokenFile.descriptor.name, IdentityTokenSource.spiffe.descriptor.name]),
    ]
  ) { values in
    .webIdentity(
      role: values[role] ?? values[roleARN],
      token: values[IdentityTokenSource.spiffe].map { .spiffe(audience: $0) }
        ?? values[tokenFile].map { .given(CredentialSource(.file($0), named: "auth.token_file")) })
  }

  private static let containers = LoginMethod<AWSLogin>(
    "container", aliases: ["ecs", "pod_identity", "eks_pod_identity"],
    "the credential endpoint of ECS or of EKS Pod Identity, which variables name", identity: .awsContainer
  ) { _ in .container }

  private static let instances = LoginMethod<AWSLogin>(
    "instance_metadata", aliases: ["instance", "imds", "instance_profile", "ec2"],
    "the instance's role, by version 2 of the metadata service", identity: .awsInstanceMetadata
  ) { _ in .instanceMetadata }

  private static let standardOrder = LoginMethod<AWSLogin>(
    "default", aliases: ["iam", "default_chain"],
    "the first that is there of: variables, web identity, profile, container, instance metadata"
  ) { _ in .standard }
}
