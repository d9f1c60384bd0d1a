import ExecutionModel
import JSONReader
import SecretBytes

/// A token by which a Kubernetes cluster vouches for a service account (RFC 7519): whose it says that it is. Whether that is so its
/// store finds out; but what says to be of another is nothing that a kubelet brings for the pod.
enum ServiceAccountToken {
  static func isOf(_ identity: WorkloadIdentity, _ token: SecretBytes) -> Bool {
    guard let claims = claims(token) else {
      return false
    }
    return claims.member("sub")?.text == "system:serviceaccount:\(identity.namespace):\(identity.serviceAccount)"
  }

  private static func claims(_ token: SecretBytes) -> JSONValue? {
    let dots = token.withUnsafeBytes { bytes in bytes.indices.filter { bytes[$0] == UInt8(ascii: ".") } }
    guard dots.count == 2, let payload = Base64.decode(token.slice(dots[0] + 1..<dots[1]), .url) else {
      return nil
    }
    return try? JSONValue.parse(payload, limits: .payload)
  }
}
