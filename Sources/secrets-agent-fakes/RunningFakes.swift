import Glibc
import ProviderFakes

/// The four fakes, started and seeded.
struct RunningFakes {
  let vault: VaultFake
  let aws: AWSFake
  let azure: AzureFake
  let gcp: GCPFake
  private let keys: KeyFolder
  private let keyFiles: [String]

  /// - Parameter ports: for what the options leave open.
  init(_ options: FakesOptions, ports: (vault: Int, aws: Int, azure: Int, gcp: Int) = (0, 0, 0, 0)) async throws {
    let seed = try options.content()
    vault = try await VaultFake.start(port: options.port ?? ports.vault)
    try seed.apply(to: vault)
    aws = try await AWSFake.start(port: options.awsPort ?? ports.aws)
    try seed.apply(to: aws)
    azure = try await AzureFake.start(port: options.azurePort ?? ports.azure)
    try seed.apply(to: azure)
    gcp = try await GCPFake.start(port: options.gcpPort ?? ports.gcp)
    keys = try KeyFolder(options.gcpFolder)
    keyFiles = try seed.apply(to: gcp, folder: keys.path)
  }

  var places: [(name: String, place: String)] {
    var places = [("vault", vault.address), ("aws", aws.address), ("azure", azure.address), ("gcp", gcp.address)]
    if let first = keyFiles.first {
      places.append(("gcp_key_file", first))
    }
    return places
  }

  /// The variables by which the agent, and the stores' own tools, find the fakes where a document does not name them.
  var environment: [(name: String, value: String)] {
    var variables = [
      ("VAULT_ADDR", vault.address), ("AWS_ENDPOINT_URL", aws.address),
      ("AZURE_AUTHORITY_HOST", azure.address), ("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.address),
      ("WEB_CLIENT_SECRET", FakesSeed.demoClientSecret),
      ("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", gcp.address),
      ("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", gcp.address), ("GCE_METADATA_HOST", gcp.metadataHost),
    ]
    if let first = keyFiles.first {
      variables.append(("GOOGLE_APPLICATION_CREDENTIALS", first))
    }
    return variables
  }

  /// Listens by TLS and, where the store can, by mutual TLS too; the CA and a client's certificate are written to `folder`.
  func listenSecurely(certificates folder: String) async throws -> [(name: String, place: String)] {
    try Self.makeFolder(folder)
    let authority = try CertificateAuthority()
    try authority.authority.write(to: folder, name: "ca")
    try authority.client().write(to: folder, name: "client")
    let server = try authority.server()
    return [
      ("vault_tls", try await vault.listening(tls: .server(server)).address),
      (
        "vault_mutual_tls",
        try await vault.listening(tls: .mutual(server, clientAuthority: authority.authority)).address
      ),
      ("aws_tls", try await aws.listening(tls: .server(server)).address),
      ("azure_tls", try await azure.listening(tls: .server(server)).address),
      ("gcp_tls", try await gcp.listening(tls: .server(server)).address),
      ("ca", "\(folder)/ca.pem"),
    ]
  }

  /// With what is missing above it.
  private static func makeFolder(_ path: String) throws {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/\(part)"
      mkdir(made, 0o700)
    }
    guard access(path + "/.", W_OK | X_OK) == 0 else {
      throw FakeFault(
        "\(path): cannot be written into: \(String(cString: strerror(errno))); name another --tls-folder")
    }
  }

  func stop() async {
    await vault.stop()
    await aws.stop()
    await azure.stop()
    await gcp.stop()
    keys.remove(keyFiles)
  }
}
