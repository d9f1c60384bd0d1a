import AWSProvider
import AzureProvider
import ExecutionModel
import FileProvider
import GCPProvider
import Resolution
import SecretBytes
import VaultProvider

let catalog = ProviderRegistry([
  VaultProvider.self, SecretsManagerProvider.self, ParameterStoreProvider.self, STSProvider.self,
  GCPSecretManagerProvider.self, AzureKeyVaultProvider.self, FileProvider.self,
]).catalog

/// The validated execution of a document of one.
func execution(_ text: String, _ syntax: ExecutionDocument.Syntax = .detected) throws -> Execution {
  try catalog.validate(ExecutionDocument(SecretBytes(text), syntax: syntax).item(nil)).execution
}

/// The lines of every fault, without line numbers; empty where there is none.
func faults(_ text: String, _ syntax: ExecutionDocument.Syntax = .detected) -> [String] {
  do throws(DocumentFaults) {
    let item = try ExecutionDocument(SecretBytes(text), syntax: syntax).item(nil)
    return try catalog.validate(item).warnings.map { "\($0.path): \($0.message)" }
  } catch {
    return error.faults.map { "\($0.path): \($0.message)" }
  }
}

/// The lines of faults but for the warning that providers stand alone, which documents of a provider only have.
func providerFaults(_ text: String) -> [String] {
  faults(text).filter { $0 != "secrets: there are none, though providers are declared" }
}

private let one = #""ONE": {"from": "f", "path": "/one"}"#

/// A bare job spec with one good Vault provider `v` and the given secrets.
func spec(secrets: String, auth: String = #"{"method": "static", "token_env": "T"}"#, more: String = "") -> String {
  #"""
  {"secret_providers": {"v": {"provider": "hashicorp_vault", "address": "https://vault:8200", "auth": \#(auth)\#(more)},
    "f": {"provider": "file"}}, "secrets": {\#(secrets.isEmpty ? one : secrets)}}
  """#
}
