import Foundation
import TestSupport
import Testing

/// A store of one provider type over the fakes, with values and credentials that nothing else in a process looks like.
enum SeededStore: String, CaseIterable, CustomTestStringConvertible {
  case vault, vaultByTLS, secretsManager, parameterStore, tokenService, google, azure, file

  var testDescription: String { rawValue }

  /// The secret's name in documents: no secret itself, and long enough for Swift to keep it on the heap.
  static let name = "NAME_OF_THE_SECRET_Zq7xKpW3"

  /// A value, and what it is the value of.
  static func value(_ name: String) -> String { "seeded-\(name)-Zq7xKpW3" }

  /// What must not be found: values, credentials and tokens, and what they look like on the wire.
  static let words: [String] = {
    let values = names.map(value)
    let encoded = values.flatMap { value in
      // At each of the three places where it may begin in a longer text.
      (0..<3).map { shift in
        let text = Data((String(repeating: "x", count: shift) + value).utf8).base64EncodedString()
        return String(text.dropFirst(4).dropLast(8))
      }
    }
    return values + encoded + tokens
  }()

  /// How the fakes' tokens begin: Vault's, Google's, AWS's session tokens, Azure's.
  private static let tokens = ["hvs.fake-", "ya29.fake-", "IQoJb3JpZ2luX2Zha2U", "fake.1.", "fake.2.", "fake.3."]
  private static let names = [
    "vault", "legacy", "secret-id", "aws-key", "manager", "parameter", "google", "azure", "client-secret", "file",
  ]

  static let seed: JSON = [
    "vault": [
      "mounts": [["path": "secret", "version": 2], ["path": "legacy", "version": 1]],
      "secrets": [
        ["mount": "secret", "path": "web/db", "data": ["password": .string(value("vault"))]],
        ["mount": "legacy", "path": "mail", "data": ["password": .string(value("legacy"))]],
      ],
      "approles": [["role_id": "demo-web-role", "secret_id": .string(value("secret-id"))]],
    ],
    "aws": [
      "access_keys": [["id": "AKIAIOSFODNN7EXAMPLE", "secret": .string(value("aws-key"))]],
      "secrets": [["name": "shop/web/db", "value": ["password": .string(value("manager"))]]],
      "parameters": [["name": "/shop/web/smtp-password", "value": .string(value("parameter"))]],
      "roles": [["arn": "arn:aws:iam::123456789012:role/uploads", "external_id": "shop"]],
    ],
    "azure": [
      "clients": [["client_id": "demo-web-client", "client_secret": .string(value("client-secret"))]],
      "secrets": [["name": "web-session-key", "value": .string(value("azure"))]],
    ],
    "gcp": [
      "accounts": [["email": "web@demo-project.iam.gserviceaccount.com", "key": true]],
      "secrets": [["name": "web-session-key", "value": .string(value("google"))]],
    ],
  ]

  // MARK: - Its part of a document

  func provider(_ fakes: Fakes) -> JSON {
    switch self {
    case .vault: seededVault(fakes.address)
    case .vaultByTLS: seededVault(fakes.tlsAddress).with([("tls", ["ca_cert": .string(fakes.authority)])])
    case .secretsManager: aws("aws_secrets_manager", fakes)
    case .parameterStore: aws("aws_parameter_store", fakes)
    case .tokenService:
      aws("aws_sts", fakes).with([
        ("role_arn", "arn:aws:iam::123456789012:role/uploads"), ("external_id", "shop"),
      ])
    case .google: ["provider": "gcp_secret_manager", "project": "demo-project"]
    case .azure:
      [
        "provider": "azure_key_vault", "vault_url": .string(fakes.places["azure"] ?? ""),
        "auth": [
          "tenant_id": "5f3c2a10-0000-4000-8000-00000000a2ce", "client_id": "demo-web-client",
          "client_secret_env": "WEB_CLIENT_SECRET",
        ],
      ]
    case .file: ["provider": "file"]
    }
  }

  private func seededVault(_ address: String) -> JSON {
    [
      "provider": "hashicorp_vault", "address": .string(address),
      "auth": ["method": "approle", "role_id": "demo-web-role", "secret_id": .string(Self.value("secret-id"))],
    ]
  }

  private func aws(_ type: String, _ fakes: Fakes) -> JSON {
    [
      "provider": .string(type), "region": "us-east-1", "endpoint_url": .string(fakes.places["aws"] ?? ""),
      "auth": ["access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": .string(Self.value("aws-key"))],
    ]
  }

  /// - Parameter folder: holds the files of the file provider.
  func secrets(_ folder: ScratchFolder) throws -> [(key: String, value: JSON)] {
    switch self {
    case .vault, .vaultByTLS:
      [
        (Self.name, ["from": "store", "mount": "secret", "secret_path": "web/db", "field": "password"]),
        (
          "SECOND",
          ["from": "store", "mount": "legacy", "secret_path": "mail", "field": "password", "engine_version": 1]
        ),
      ]
    case .secretsManager: [(Self.name, ["from": "store", "secret_id": "shop/web/db", "field": "password"])]
    case .parameterStore: [(Self.name, ["from": "store", "name": "/shop/web/smtp-password"])]
    case .tokenService: [(Self.name, ["from": "store"])]
    case .google: [(Self.name, ["from": "store", "secret": "web-session-key", "encoding": "base64"])]
    case .azure: [(Self.name, ["from": "store", "secret_name": "web-session-key"])]
    case .file:
      [(Self.name, ["from": "store", "path": .string(try folder.write(Self.value("file"), as: "value"))])]
    }
  }
}
