/// Azure's credentials for vaults that are somebody else's.
let hostileAzureDocuments: [HostileDocument] =
  [
    ("a vault of somebody else's", "https://attacker.vault.azure.net"),
    ("a host that begins with the vault's", "https://shop.vault.azure.net.attacker.example"),
    ("a vault of another cloud", "https://shop.vault.azure.cn"), ("a workload on loopback", "http://127.0.0.1:8443"),
  ].flatMap { name, vault in
    [
      azure("the machine's identity to \(name)", #"{"method": "managed_identity"}"#, vault),
      azure("the default identity to \(name)", "{}", vault),
      azure("a principal's secret to \(name)", secret, vault).on(["AZURE_CLIENT_SECRET": "secret"]),
    ]
  }
  + [
    azure("the default chain's principal", "{}")
      .on(["AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": "secret"]),
    azure("the default chain's workload identity", "{}").on(workload),
    azure("the platform's workload identity", #"{"method": "workload_identity"}"#).on(workload),
    azure(
      "a workload identity by the document's file",
      """
      {"method": "workload_identity", "tenant_id": "tenant", "client_id": "client", \
      "token_file": "FOLDER/credentials/free/token"}
      """),
    azure("an identity that the document chooses", #"{"managed_identity_client_id": "client"}"#),
  ]

private let workload = [
  "AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client",
  "AZURE_FEDERATED_TOKEN_FILE": "FOLDER/credentials/free/token",
]
let secret = #"{"tenant_id": "tenant", "client_id": "client", "client_secret_env": "AZURE_CLIENT_SECRET"}"#

func azure(
  _ name: String, _ auth: String, _ vault: String = "https://attacker.vault.azure.net",
  refusedBy rule: String? = "credentials.azure"
) -> HostileDocument {
  HostileDocument(
    name, refusedBy: rule, #"{"provider": "azure_key_vault", "vault_url": "\#(vault)", "auth": \#(auth)}"#
  ).asking(for: #""secret_name": "db""#)
}
