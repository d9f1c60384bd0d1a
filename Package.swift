// swift-tools-version: 6.2
import PackageDescription

// The floors of the house, lowest first; a target imports only what stands below it.
// docs/architecture.md tells what each one holds.

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// A library target of the agent; no Foundation anywhere in these.
func room(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
  .product(name: "NIOHTTP2", package: "swift-nio-http2"),
  .product(name: "NIOSSL", package: "swift-nio-ssl"),
]

/// What strangers' bytes are read by: `scripts/fuzz` links it with libFuzzer, `FuzzTests` run it over the corpora.
let parsers: [Target.Dependency] = [
  "AWSProvider", "AWSSigning", "AgentDaemon", "AzureProvider", "Delivery", "EventLoop", "ExecutionModel",
  "FileProvider", "GCPProvider", "HTTPTransport", "JSONReader", "NodePolicy", "ProviderKit", "Resolution",
  "SealedCache", "SecretBytes", "Text", "VaultProvider", "YAMLReader",
]

let package = Package(
  name: "secrets-agent",
  products: [
    .executable(name: "secrets-agent", targets: ["secrets-agent"]),
    .executable(name: "secrets-agent-fakes", targets: ["secrets-agent-fakes"]),
    .executable(name: "secrets-agent-csi", targets: ["secrets-agent-csi"]),
    .library(name: "ProviderFakes", targets: ["ProviderFakes"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    // The fakes and the tests only; the agent itself links none of them.
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", exact: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    // The provider of the Secrets Store CSI driver only.
    .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", exact: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", exact: "2.9.2"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", exact: "2.4.1"),
  ],
  targets: [
    // Floor 0: system modules and the parts that know nothing of secrets' stores.
    .target(name: "CLinux"),
    .target(name: "CLibcurl", linkerSettings: [.linkedLibrary("curl")]),
    .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("crypto")]),
    .target(name: "CLibYAML", linkerSettings: [.linkedLibrary(":libyaml.a")]),
    .target(name: "CWipingAllocator"),
    room("AgentVersion", []),
    room("Text", ["CLibcurl"]),
    room("SecretBytes", ["CLinux", "COpenSSL"]),
    room("JSONReader", ["SecretBytes"]),
    room("Masking", ["SecretBytes"]),
    room("YAMLReader", ["CLibYAML", "JSONReader", "SecretBytes"]),
    room("EventLoop", ["CLibcurl", "CLinux", deque]),
    room("Files", ["CLinux", "EventLoop", "SecretBytes"]),
    room("Processes", ["CLinux", "EventLoop", "Files", "Masking", "SecretBytes"]),
    room("HTTPTransport", ["CLibcurl", "EventLoop", "SecretBytes", "Text", deque, logging]),

    // Floor 1.
    room("ExecutionModel", ["JSONReader", "SecretBytes", "Text", "YAMLReader"]),
    room("Settings", ["EventLoop", "ExecutionModel", "JSONReader", "SecretBytes", "YAMLReader"]),
    room("NodePolicy", ["ExecutionModel", "Files", "HTTPTransport", "SecretBytes", "Settings"]),
    room(
      "ProviderKit",
      [
        "CLinux", "EventLoop", "ExecutionModel", "HTTPTransport", "JSONReader", "Masking", "NodePolicy", "SecretBytes",
        logging,
      ]),
    room("AWSSigning", ["CLinux", "COpenSSL", "HTTPTransport", "SecretBytes"]),

    // Floor 2: one target a provider family.
    room("VaultProvider", path: "providers/Vault", ["ProviderKit"]),
    room("FileProvider", path: "providers/File", ["ProviderKit"]),
    room("AWSProvider", path: "providers/AWS", ["AWSSigning", "Processes", "ProviderKit"]),
    room("AzureProvider", path: "providers/Azure", ["ProviderKit"]),
    room("GCPProvider", path: "providers/GCP", ["AWSSigning", "COpenSSL", "ProviderKit"]),

    // Floor 3.
    room("Resolution", ["ProviderKit"]),

    // Floor 4.
    room("Delivery", ["CLinux", "EventLoop", "Files", "JSONReader", "Masking", "Processes", "SecretBytes"]),

    room("SealedCache", ["COpenSSL", "EventLoop", "Files", "Processes", "SecretBytes", "Text"]),

    room("Refresh", ["EventLoop", "ExecutionModel", "ProviderKit", "Resolution", deque, heap, logging]),

    // Floor 5.
    room(
      "AgentDaemon",
      [
        "CLinux", "Delivery", "EventLoop", "Files", "HTTPTransport", "JSONReader", "Masking", "Processes", "Refresh",
        "Resolution", "SealedCache", "Settings", "YAMLReader", logging,
      ]
    ),

    // Floor 6: commands only.
    .executableTarget(
      name: "secrets-agent",
      dependencies: [
        "AWSProvider", "AgentDaemon", "AgentVersion", "AzureProvider", "CWipingAllocator", "Delivery", "FileProvider",
        "Files", "GCPProvider", "Masking", "Processes", "Resolution", "SealedCache", "VaultProvider", arguments,
        logging,
      ],
      swiftSettings: strict),

    // A program of its own, since gRPC is larger than the agent; the agent links none of it.
    .target(
      name: "CSIDriverProtocol",
      dependencies: [
        .product(name: "GRPCCore", package: "grpc-swift-2"),
        .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["csi_driver_provider.proto"]),
    .executableTarget(
      name: "secrets-agent-csi",
      dependencies: [
        "AgentDaemon", "AgentVersion", "CSIDriverProtocol", "CWipingAllocator", "Files", arguments,
        .product(name: "GRPCCore", package: "grpc-swift-2"),
        .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
      ],
      swiftSettings: strict),

    // Beside the house.
    .target(name: "CFakeCertificates", linkerSettings: [.linkedLibrary("crypto")]),
    .target(
      name: "ProviderFakes", dependencies: ["CFakeCertificates", "COpenSSL", "JSONReader", "SecretBytes"] + nio,
      swiftSettings: strict),
    .executableTarget(
      name: "secrets-agent-fakes",
      dependencies: ["EventLoop", "Files", "JSONReader", "Processes", "ProviderFakes", "SecretBytes", arguments],
      swiftSettings: strict),
    // Tests may see everything; nothing in the house sees them.
    .target(
      name: "TestSupport",
      dependencies: ["EventLoop", "HTTPTransport", "ProviderKit", "Resolution", "SecretBytes", logging],
      path: "Tests/TestSupport", swiftSettings: strict),
    // The C library's calls, with faults that a test puts in.
    .target(name: "CFaults", path: "Tests/CFaults"),
    tests("TextTests", ["Text"]),
    tests("SecretBytesTests", ["CLinux", "SecretBytes"]),
    tests("MaskingTests", ["Masking", "SecretBytes"]),
    tests("FilesTests", ["CFaults", "EventLoop", "Files", "SecretBytes", "TestSupport"]),
    tests("JSONReaderTests", ["JSONReader", "SecretBytes"]),
    tests("YAMLReaderTests", ["YAMLReader", "JSONReader", "SecretBytes"]),
    tests("EventLoopTests", ["EventLoop", "CLinux"]),
    tests("ProcessesTests", ["EventLoop", "Files", "Masking", "Processes", "SecretBytes", "TestSupport"]),
    tests(
      "HTTPTransportTests", ["HTTPTransport", "EventLoop", "ProviderFakes", "SecretBytes", "TestSupport", logging]),
    tests(
      "ExecutionModelTests",
      [
        "ExecutionModel", "ProviderKit", "Resolution", "TestSupport", "VaultProvider", "FileProvider", "AWSProvider",
        "AzureProvider", "GCPProvider",
      ]),
    tests("SettingsTests", ["AgentDaemon", "ExecutionModel", "NodePolicy", "SecretBytes", "Settings", "TestSupport"]),
    tests("NodePolicyTests", ["NodePolicy"]),
    tests("ProviderKitTests", ["ProviderKit", "TestSupport"]),
    tests("VaultProviderTests", ["VaultProvider", "ProviderFakes", "TestSupport"]),
    tests("AzureProviderTests", ["AzureProvider", "ProviderFakes", "TestSupport"]),
    tests("GCPProviderTests", ["GCPProvider", "ProviderFakes", "TestSupport"]),
    tests("FileProviderTests", ["FileProvider", "ProviderKit", "TestSupport"]),
    tests(
      "ProviderConformanceTests",
      [
        "AWSProvider", "AzureProvider", "FileProvider", "GCPProvider", "ProviderFakes", "TestSupport", "VaultProvider",
      ]),
    tests("AWSSigningTests", ["AWSSigning", "JSONReader", "SecretBytes"]),
    tests(
      "AWSProviderTests", ["AWSProvider", "JSONReader", "ProviderFakes", "Resolution", "TestSupport"]),
    tests("AWSCredentialTests", ["AWSProvider", "EventLoop", "TestSupport"]),
    tests("ResolutionTests", ["Resolution", "VaultProvider", "FileProvider", "ProviderFakes", "TestSupport"]),
    tests("DeliveryTests", ["Delivery", "EventLoop", "Files", "Masking", "Processes", "SecretBytes"]),
    tests("SealedCacheTests", ["EventLoop", "Processes", "SealedCache", "SecretBytes", "TestSupport"]),
    tests("RefreshTests", ["Refresh", "ProviderKit", "TestSupport"]),
    tests(
      "AgentDaemonTests",
      [
        "AWSProvider", "AgentDaemon", "AzureProvider", "CFaults", "EventLoop", "FileProvider", "GCPProvider",
        "HTTPTransport", "NodePolicy", "ProviderFakes", "Refresh", "Resolution", "SealedCache", "TestSupport",
        "VaultProvider",
      ]),
    tests("ProviderFakesTests", ["EventLoop", "HTTPTransport", "JSONReader", "ProviderFakes", "SecretBytes", logging]),
    // These drive the built executable, as a user does.
    tests("CommandTests", ["ProviderFakes", "JSONReader", "SecretBytes", "TestSupport"]),
    // The provider of the CSI driver, by a double of the driver.
    .testTarget(
      name: "CSITests", dependencies: ["secrets-agent-csi", "TestSupport"], exclude: ["Driver"],
      swiftSettings: strict),
    // config/deploy, by readers of those who read it.
    .testTarget(
      name: "DeploymentTests", dependencies: ["TestSupport"], exclude: ["Readers"],
      swiftSettings: strict),
    // The same against a real OpenBao server, where SECRETS_AGENT_BAO names its executable.
    tests("OpenBaoTests", ["JSONReader", "SecretBytes", "TestSupport"]),
    .testTarget(
      name: "FuzzTests", dependencies: parsers, path: "Tests/Fuzz", exclude: ["Corpora", "Dictionaries", "Driver"],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)

// libFuzzer brings its own `main`, so that the same targets are linked as a library there.
if Context.environment["SECRETS_AGENT_FUZZ"] != nil {
  package.targets.removeAll { $0.name == "FuzzTests" }
  package.targets.append(
    .target(
      name: "FuzzTargets", dependencies: parsers, path: "Tests/Fuzz", exclude: ["Corpora", "Dictionaries", "Tests"]))
  package.products.append(.library(name: "FuzzTargets", type: .static, targets: ["FuzzTargets"]))
}
