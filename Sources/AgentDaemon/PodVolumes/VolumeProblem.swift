import ProviderKit
import Resolution

/// Why a pod's volume gets nothing, by what has to happen before it does. The number is the status that the value socket says it with.
public enum VolumeProblem: Int, Sendable, CaseIterable {
  /// The class is faulty, or the kubelet's tokens are.
  case invalid = 422
  /// The node policy does not let it be.
  case forbidden = 409
  /// A store refuses the login or the value.
  case denied = 401
  /// A store has no such secret, version or field.
  case missing = 410
  /// The node keeps as many volumes as it may.
  case full = 507
  /// Stores are away, throttle, or give answers that are none: another try may do by itself.
  case unavailable = 503

  /// Of several failures the one that needs a person counts, and not one that another try may cure.
  init(_ failure: GenerationFailure) {
    let kinds = Set(failure.failures.map(\.failure.kind))
    self =
      if kinds.contains(.policy) {
        .forbidden
      } else if kinds.contains(.denied) {
        .denied
      } else if kinds.contains(.missing) {
        .missing
      } else {
        .unavailable
      }
  }
}
