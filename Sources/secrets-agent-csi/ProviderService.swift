import AgentDaemon
import AgentVersion
import CSIDriverProtocol
import EventLoop
import Foundation
import GRPCCore
import SecretBytes
import Text

/// The Secrets Store CSI driver's side of the agent: it turns a `Mount` into a question to the daemon, which logs in as the pod's
/// service account and keeps the values, and the answer into files that the driver writes.
struct ProviderService: V1alpha1_CSIDriverProvider.SimpleServiceProtocol {
  /// Bytes that the driver takes of one answer unless it is told otherwise (`--max-call-recv-msg-size`).
  static let mostBytes = 4 << 20

  let daemon: ValueClient
  let loop: EventLoop

  func version(request: V1alpha1_VersionRequest, context: ServerContext) async throws -> V1alpha1_VersionResponse {
    .with {
      $0.version = "v1alpha1"
      $0.runtimeName = "secrets-agent"
      $0.runtimeVersion = agentVersion
    }
  }

  func mount(request: V1alpha1_MountRequest, context: ServerContext) async throws -> V1alpha1_MountResponse {
    let mount: MountAttributes
    let mode: Int32
    do throws(MountAttributes.Fault) {
      mount = try MountAttributes(attributes: request.attributes, secrets: request.secrets)
      if let given = mount.mode {
        mode = given
      } else {
        mode = try MountAttributes.mode(permission: request.permission)
      }
    } catch {
      throw RPCError(code: .invalidArgument, message: error.message)
    }
    let values: ExecutionValues
    do throws(ValueClient.VolumeFault) {
      let (daemon, volume) = (daemon, mount.request)
      values = try await withTaskExecutorPreference(loop) { () async throws(ValueClient.VolumeFault) in
        try await daemon.values(of: volume)
      }
    } catch {
      throw RPCError(error)
    }
    return try response(values, mode)
  }

  private func response(_ values: ExecutionValues, _ mode: Int32) throws(RPCError) -> V1alpha1_MountResponse {
    let response = V1alpha1_MountResponse.with { response in
      for secret in values.secrets {
        response.files.append(
          .with { file in
            file.path = secret.name
            file.mode = mode
            file.contents = secret.value.withUnsafeBytes { Data($0) }
          })
        response.objectVersion.append(
          .with { object in
            object.id = secret.name
            // Some stores number nothing; then the generation that changed it says that it did.
            object.version = secret.version ?? "generation-\(values.generation)"
          })
      }
    }
    let bytes = values.secrets.reduce(0) {
      $0 + $1.value.count + 2 * $1.name.utf8.count + ($1.version?.utf8.count ?? 32) + 32
    }
    guard bytes <= Self.mostBytes else {
      throw RPCError(
        code: .resourceExhausted,
        message:
          "the volume's files have \(bytes) bytes, and the driver takes \(Self.mostBytes): take fewer in one class")
    }
    return response
  }
}

extension RPCError {
  /// What the pod's events show: what is wrong, and what to do.
  fileprivate init(_ fault: ValueClient.VolumeFault) {
    switch fault {
    case .nothing(let problem, let lines):
      self.init(code: problem.code, message: ShownText.reasons(lines, atMost: 20))
    case .other(.notDelivered(let reason)): self.init(code: .unavailable, message: reason)
    case .other(.unreachable(let reason)):
      self.init(code: .unavailable, message: "\(reason); is the daemon running, with values: {} in agent.yaml?")
    case .other(.notAllowed(let reason)): self.init(code: .permissionDenied, message: reason)
    case .other(.unknown):
      self.init(code: .failedPrecondition, message: "the daemon has no volumes; it is of another version")
    }
  }
}

extension VolumeProblem {
  /// The driver tries what is UNAVAILABLE again by itself, at once, and nothing else.
  var code: RPCError.Code {
    switch self {
    case .invalid: .invalidArgument
    case .forbidden: .permissionDenied
    case .denied: .unauthenticated
    case .missing: .notFound
    case .full: .resourceExhausted
    case .unavailable: .unavailable
    }
  }
}
