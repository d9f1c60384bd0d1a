import ArgumentParser
import EventLoop
import ExecutionModel
import Glibc
import JSONReader
import NodePolicy
import ProviderKit
import Resolution
import SecretBytes
import Text

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Writes a first document from what a store holds: names only, never a value.",
    discussion: """
      EXAMPLES
        secrets-agent init vault secret/web/db > job.yaml
      """,
    subcommands: [Vault.self])

  struct Vault: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "vault", abstract: "Writes a document with an entry for each field of paths of Vault or OpenBao.",
      discussion: """
        A PATH has its mount in front, as in `vault kv get secret/web/db`. As that command does, this one takes VAULT_ADDR, \
        VAULT_TOKEN (else ~/.vault-token), VAULT_NAMESPACE and VAULT_CACERT, or OpenBao's BAO_… in their place. The document \
        goes to standard output.

        EXAMPLES
          secrets-agent init vault secret/web/db > job.yaml
          secrets-agent init vault --address https://vault.example.com:8200 --token-file token secret/web/db
          secrets-agent init vault --mount legacy --engine-version 1 mail
        """)

    @Argument(help: "Paths of secrets, each with its mount in front; below --mount where that is given.")
    var paths: [String]

    @Option(help: "The server (default: VAULT_ADDR).")
    var address: String?

    @Option(help: "The namespace (default: VAULT_NAMESPACE).")
    var namespace: String?

    @Option(
      help: "A PEM file of the CA that signed the server's certificate (default: VAULT_CACERT).", completion: .file())
    var caCert: String?

    @Option(help: "A file that holds the token (default: VAULT_TOKEN, else ~/.vault-token).", completion: .file())
    var tokenFile: String?

    @Option(help: "Where the engine is mounted; without it the server is asked.")
    var mount: String?

    @Option(help: "With --mount: the version of its KV engine, 1 or 2 (default: 2).")
    var engineVersion: Int?

    @Option(
      help: "What the secrets' names begin with (default: the path's last part and _); '' for the fields' names alone.")
    var prefix: String?

    @OptionGroup var log: LogOptions
    @OptionGroup var time: TimeOptions

    func validate() throws {
      guard engineVersion == nil || mount != nil else {
        throw ValidationError("--engine-version is for --mount; without it the server is asked")
      }
      guard [1, 2].contains(engineVersion ?? 2) else {
        throw ValidationError("--engine-version is 1 or 2")
      }
    }

    func run() throws {
      let environment = VaultEnvironment()
      guard let address = address ?? environment.address?.value else {
        throw UsageFault.report("where is Vault? Set VAULT_ADDR, or give --address", in: Self.self)
      }
      do throws(URLFault) {
        _ = try HTTPURL(parsing: address)
      } catch {
        let name = self.address == nil ? environment.address?.name ?? "VAULT_ADDR" : "--address"
        throw UsageFault.report("\(name): \(error); write it as https://vault.example.com:8200", in: Self.self)
      }
      guard paths.allSatisfy({ $0.utf8.contains { $0 != UInt8(ascii: "/") } }) else {
        throw UsageFault.report("a path is empty; name a secret, as secret/web/db", in: Self.self)
      }
      guard let token = try tokenFile.map({ VaultDraft.Token.file(try Self.absolute($0)) }) ?? environment.token else {
        throw UsageFault.report(
          "there is no token: set VAULT_TOKEN, give --token-file, or log in by `vault login`", in: Self.self)
      }
      let draft = VaultDraft(
        address: address, namespace: namespace ?? environment.namespace,
        authority: try (caCert ?? environment.authority).map(Self.absolute), token: token)
      let survey = VaultSurvey(draft: draft, mount: mount, engineVersion: engineVersion ?? 2)
      let paths = paths
      let prefix = prefix
      try AgentRuntime.run(log, policy: .personal, limits: time.limits) { runtime in
        let status = await Self.write(paths, prefix, survey, runtime)
        await runtime.pool.closeAll(.ended)
        return status
      }
    }

    /// A document's paths hold wherever it is used from.
    private static func absolute(_ path: String) throws -> String {
      guard !path.hasPrefix("/") else {
        return path
      }
      guard let folder = getcwd(nil, 0) else {
        throw ValidationError("the working directory is gone; give whole paths")
      }
      defer { free(folder) }
      return "\(String(cString: folder))/\(path)"
    }

    private static func write(
      _ paths: [String], _ prefix: String?, _ survey: VaultSurvey, _ runtime: AgentRuntime
    ) async -> ExitStatus? {
      var draft = survey.draft
      var seen: Set<String> = []
      for path in paths where seen.insert(VaultSurvey.plain(path)).inserted {
        switch await survey.fields(of: path, runtime) {
        case .success(let found):
          if found.unnameable > 0 {
            runtime.faults.warning(
              "\(ShownText.clean(path)): \(VaultSurvey.unnameable(found.unnameable)) left out", ["class": "document"])
          }
          draft.add(found.place, fields: found.fields, prefix: prefix)
        case .failure(let fault):
          runtime.faults.error("\(ShownText.clean(path)): \(fault.line)", ["class": fault.kind?.rawValue ?? "document"])
          return fault.status
        }
      }
      let document: ExecutionDocument.Item
      do throws(DocumentFaults) {
        document = try VaultSurvey.item(of: draft)
      } catch {
        for fault in error.faults {
          runtime.faults.print(fault)
        }
        return .invalidDocument
      }
      let validation = registry.catalog.examine(document)
      for fault in validation.faults {
        runtime.faults.print(fault)
      }
      guard validation.isValid else {
        return .invalidDocument
      }
      if let code = StandardOutput.write(SecretBytes(draft.text)) {
        runtime.faults.error("standard output: \(String(cString: strerror(code)))", ["class": "output"])
        return .cannotCreate
      }
      return nil
    }
  }
}

/// The variables that Vault's and OpenBao's own commands read.
struct VaultEnvironment {
  var address: (name: String, value: String)? { Self.value("ADDR") }
  var namespace: String? { Self.value("NAMESPACE").map(\.value) }
  var authority: String? { Self.value("CACERT").map(\.value) }

  /// A variable, else the file that `vault login` writes.
  var token: VaultDraft.Token? {
    if let variable = Self.value("TOKEN") {
      return .variable(variable.name)
    }
    guard let home = getenv("HOME").map({ String(cString: $0) }), home.hasPrefix("/"),
      access("\(home)/.vault-token", R_OK) == 0
    else {
      return nil
    }
    return .file("\(home)/.vault-token")
  }

  private static func value(_ name: String) -> (name: String, value: String)? {
    for variable in ["VAULT_\(name)", "BAO_\(name)"] {
      if let value = getenv(variable), value.pointee != 0 {
        return (variable, String(cString: value))
      }
    }
    return nil
  }
}
