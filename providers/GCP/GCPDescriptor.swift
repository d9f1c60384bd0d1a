import ExecutionModel

extension ProviderDescriptor {
  /// `gcp_secret_manager`: Google Cloud's Secret Manager
  /// (https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access).
  static let gcpSecretManager = ProviderDescriptor(
    type: "gcp_secret_manager",
    summary:
      "Google Cloud Secret Manager, global and regional, by application default credentials or a method of choice",
    connection: [
      FieldDescriptor("project", .text, required: true, "the project's id or number"),
      FieldDescriptor(
        "location", .text, "where regional secrets live, as europe-west3; default: secrets are global"),
    ],
    authentication: AuthenticationDescriptor(
      isRequired: false, methods: [.serviceAccountKey, .metadata, .workloadIdentity, .defaultChain],
      commonFields: [
        FieldDescriptor(
          "impersonate_service_account", .text,
          "e-mail address of a service account to act as; needs roles/iam.serviceAccountTokenCreator on it")
      ],
      defaultMethod: GCPMethod.standard.rawValue),
    lookup: [
      FieldDescriptor(
        "secret", .text, required: true, "name of the secret, or its full name as projects/PROJECT/secrets/NAME"),
      FieldDescriptor(
        "version", .version, defaultsTo: SecretVersionName.latest,
        "version of the secret: a number, `latest`, or an alias; a number pins it"),
    ],
    pinningFields: ["version"])
}

/// The names of `auth.method`.
enum GCPMethod: String, Sendable {
  case serviceAccountKey = "service_account_key"
  case metadata
  case workloadIdentity = "workload_identity"
  case standard = "default"
}

extension AuthenticationMethod {
  fileprivate static let serviceAccountKey = AuthenticationMethod(
    GCPMethod.serviceAccountKey.rawValue, "a service account's key file; a JWT that it signs is given for a token",
    fields: [
      FieldDescriptor(
        "service_account_key_file", .file, required: true,
        "the key, as JSON of type service_account; read at each login")
    ])

  fileprivate static let metadata = AuthenticationMethod(
    GCPMethod.metadata.rawValue, "the service account of the machine or pod, by the metadata server", fields: [])

  fileprivate static let workloadIdentity = AuthenticationMethod(
    GCPMethod.workloadIdentity.rawValue,
    "workload identity federation: another issuer's token, exchanged for Google's; on GKE, the metadata server",
    fields: [
      FieldDescriptor(
        "credential_file", .file, defaultsTo: GoogleVariable.credentials,
        "configuration of type external_account; without it and the variable, the metadata server")
    ])

  fileprivate static let defaultChain = AuthenticationMethod(
    GCPMethod.standard.rawValue,
    "application default credentials: the first that is there of GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, "
      + "the metadata server", fields: [])
}
