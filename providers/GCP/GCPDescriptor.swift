import ExecutionModel

extension ProviderDescriptor {
  /// `gcp_secret_manager`: Google Cloud's Secret Manager
  /// (https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access).
  static let gcpSecretManager = ProviderDescriptor(
    type: "gcp_secret_manager",
    summary:
      "Google Cloud Secret Manager, global and regional, by application default credentials or a method of choice",
    connection: [
      FieldDescriptor("project", .grammar(SecretParent.projectGrammar), required: true, "the project's id or number"),
      FieldDescriptor(
        "location", .grammar(SecretParent.locationGrammar),
        "where regional secrets live, as europe-west3; default: secrets are global"),
      FieldDescriptor(
        "endpoint_url", .address, extension: true,
        "another address than Google's own, as a Private Service Connect endpoint's"),
    ],
    authentication: AuthenticationDescriptor(
      isRequired: false, methods: [.serviceAccountKey, .credentialFile, .metadata, .workloadIdentity, .defaultChain],
      commonFields: [
        FieldDescriptor(
          "impersonate_service_account", .grammar(GCPMethod.account),
          "e-mail address of a service account to act as; needs roles/iam.serviceAccountTokenCreator on it")
      ],
      defaultMethod: GCPMethod.standard.rawValue),
    lookup: [
      FieldDescriptor(
        "secret", .grammar(SecretVersionName.grammar), required: true,
        "name of the secret, or its full name as projects/PROJECT/secrets/NAME"),
      FieldDescriptor(
        "version", .version(.numberOrName), defaultsTo: SecretVersionName.latest,
        "version of the secret: a number, `latest`, or an alias; a number pins it"),
    ],
    lookupCheck: { connection, lookup in
      SecretVersionName.fault(of: lookup, in: connection).map { .init("secret", $0) }
    },
    pinningFields: ["version"])
}

/// The names of `auth.method`.
enum GCPMethod: String, Sendable {
  case serviceAccountKey = "service_account_key"
  case file
  case metadata
  case workloadIdentity = "workload_identity"
  case standard = "default"

  /// A service account's e-mail address; it becomes part of a path.
  static let account = TextGrammar.word(1...254, "@.-_", "a service account, as web@shop.iam.gserviceaccount.com")
}

extension AuthenticationMethod {
  fileprivate static let serviceAccountKey = AuthenticationMethod(
    GCPMethod.serviceAccountKey.rawValue, aliases: ["service_account", "service_account_key_file"],
    "a service account's key file; a JWT that it signs is given for a token",
    fields: [
      FieldDescriptor(
        "service_account_key_file", .file, required: true,
        "the key, as JSON of type service_account; read at each login")
    ])

  fileprivate static let credentialFile = AuthenticationMethod(
    GCPMethod.file.rawValue, aliases: ["credentials_file"],
    "a credential file of any type: service_account, authorized_user, external_account, impersonated_service_account",
    fields: [FieldDescriptor("path", .file, required: true, "the file, as JSON; read at each login")])

  fileprivate static let metadata = AuthenticationMethod(
    GCPMethod.metadata.rawValue, aliases: ["metadata_server", "gce", "instance"],
    "the service account of the machine or pod, by the metadata server", fields: [])

  fileprivate static let workloadIdentity = AuthenticationMethod(
    GCPMethod.workloadIdentity.rawValue, aliases: ["workload_identity_federation", "wif", "external_account"],
    "workload identity federation: another issuer's token, exchanged for Google's; on GKE, the metadata server",
    fields: [
      FieldDescriptor(
        "path", .file, defaultsTo: GoogleVariable.credentials,
        "configuration of type external_account; without it and the variable, the metadata server")
    ])

  fileprivate static let defaultChain = AuthenticationMethod(
    GCPMethod.standard.rawValue, aliases: ["adc", "application_default", "iam"],
    "application default credentials: the first that is there of GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, "
      + "the metadata server", fields: [])
}
