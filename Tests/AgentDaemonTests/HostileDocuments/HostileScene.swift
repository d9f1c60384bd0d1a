import AWSProvider
import AzureProvider
import EventLoop
import ExecutionModel
import FileProvider
import Foundation
import GCPProvider
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit
import Refresh
import Resolution
import SecretBytes
import TestSupport
import VaultProvider

@testable import AgentDaemon

/// A daemon with every provider type, over a network that counts what is sent and answers nothing, and a node with credentials.
struct HostileScene: Sendable {
  /// Credentials of the node, by their paths below the scene's folder.
  private static let files = [
    "credentials/vault/role-id": "role", "credentials/vault/secret-id": "secret id", "credentials/vault/token": "token",
    "credentials/payments/secret-id": "secret id", "credentials/free/token": "token",
  ]

  static let policy = """
    provider_types: [hashicorp_vault, aws_secrets_manager, aws_sts, gcp_secret_manager, azure_key_vault, file]
    credential_files: [FOLDER/credentials, /var/run/secrets/kubernetes.io]
    environment: ["VAULT_*", "AWS_*", "AZURE_*", "GOOGLE_*", "IDENTITY_*", HOME]
    file_roots: [FOLDER/served]
    max_secrets: 3
    credentials:
      - name: vault
        files: [FOLDER/credentials/vault]
        variables: ["VAULT_*"]
        to: [{host: vault.example.com, ports: [8200]}]
      - name: pod
        files: [/var/run/secrets/kubernetes.io/serviceaccount/token]
        to: [vault.example.com]
      - name: payments
        files: [FOLDER/credentials/payments]
        to: [vault.example.com]
        for: {namespaces: [payments], jobs: ["payments-*"], labels: [team=payments]}
      - name: instance
        identities: [aws_instance_metadata, aws_container]
        to: &aws [secretsmanager.eu-central-1.amazonaws.com, sts.eu-central-1.amazonaws.com]
      - name: aws-keys
        variables: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY]
        to: *aws
      - name: profiles
        profiles: ["*"]
        files: [FOLDER/credentials/aws]
        to: *aws
      - name: web-identity
        identities: [aws_web_identity]
        to: *aws
      - name: google
        files: [FOLDER/credentials/google]
        to: &google
          - secretmanager.googleapis.com
          - oauth2.googleapis.com
          - sts.googleapis.com
          - iamcredentials.googleapis.com
      - name: google-machine
        identities: [gcp_metadata]
        to: *google
      - name: azure
        variables: [AZURE_CLIENT_SECRET]
        identities: [azure_managed_identity, azure_workload_identity]
        to: [shop.vault.azure.net, login.microsoftonline.com]
    """

  let folder: ScratchFolder
  let transport = ScriptedTransport { request, _ in
    .failure(TransportFailure(kind: .connect, host: request.url.host, detail: ""))
  }
  private let supervisor: ExecutionSupervisor
  private let scheduler: RefreshScheduler
  private let pool: ProviderPool
  private let time = ManualTime()

  init(_ document: HostileDocument) async throws {
    let folder = try ScratchFolder()
    for (path, text) in Self.files.merging(document.files, uniquingKeysWith: { $1 }) {
      let place = folder.file(path)
      try FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try folder.write(text.replacing("FOLDER", with: folder.path), as: path)
    }
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("credentials/link").path, withDestinationPath: "vault/secret-id")
    let policy = try PolicyFile.parse(
      SecretBytes(Self.policy.replacing("FOLDER", with: folder.path)), over: .strict, origin: "policy.yaml")
    var configuration = AgentConfiguration()
    configuration.nodeID = "node"
    configuration.outputs.root = folder.file("out").path
    let registry = ProviderRegistry([
      VaultProvider.self, SecretsManagerProvider.self, ParameterStoreProvider.self, STSProvider.self,
      GCPSecretManagerProvider.self, AzureKeyVaultProvider.self, FileProvider.self,
    ])
    let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let environment = document.environment.mapValues { $0.replacing("FOLDER", with: folder.path) }
    let services = ProviderServices.testing(
      transport: { [transport] _ in transport }, policy: policy, environment: environment)
    pool = ProviderPool(registry: registry, services: services)
    scheduler = await RefreshScheduler(
      pool: pool, time: time, random: { 0.5 }, nodeID: "node",
      log: log, observer: { _ in })
    supervisor = await ExecutionSupervisor(
      catalog: registry.catalog, scheduler: scheduler, configuration: configuration, policy: policy,
      records: try ExecutionRecords(stateFolder: folder.path), time: time, log: log, executor: nil, worker: nil,
      sources: ["test"]
    ) { _, _, _, _, _, _ in [] }
    self.folder = folder
  }

  /// What the daemon has to say of `document` once it is done with it: its problems, or its secrets' failures.
  func verdict(on document: HostileDocument) async throws -> [String] {
    let lines = try await lines(about: document)
    // Or a session would ask about a given token for ever: on its clock each pause is over at once.
    await scheduler.stop()
    await pool.closeAll(.handedOver)
    return lines
  }

  private func lines(about document: HostileDocument) async throws -> [String] {
    let item = try ExecutionDocument(SecretBytes(document.text(folder: folder.path))).item(nil)
    await supervisor.note(SourceReport(source: "test", listed: ["e": item], unreadable: [:], left: [], failure: nil))
    for _ in 0..<10_000_000 {
      let status = await supervisor.overview.status().first { $0.id == "e" }
      let lines = (status?.problems ?? []) + (status?.secrets ?? []).compactMap { $0.fault?.line }
      guard lines.isEmpty else {
        return lines
      }
      await Task.yield()
    }
    return []
  }

  /// What was written for workloads.
  var written: [String] {
    (FileManager.default.enumerator(atPath: folder.file("out").path)?.allObjects ?? []).compactMap { $0 as? String }
  }
}
