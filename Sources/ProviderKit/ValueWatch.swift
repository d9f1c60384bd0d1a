import Masking
import SecretBytes

/// Has every value that is fetched known to those who hide the values in use, from the moment on that an adapter has it: what another call
/// of the same batch is told meanwhile may repeat it.
public struct ValueWatch: Sendable {
  /// For the calls under way; `nil`: nobody hides values.
  @TaskLocal public static var current: ValueWatch?

  private let hidden: LiveValues
  /// What is delivered of a payload.
  private let values: @Sendable (SecretBytes) -> [SecretBytes]

  public init(_ hidden: LiveValues, values: @escaping @Sendable (SecretBytes) -> [SecretBytes]) {
    self.hidden = hidden
    self.values = values
  }

  /// Keeps what is delivered of both among the values in use.
  public func mark(_ payload: SecretBytes, _ previous: FetchedSecret.Previous?) -> LiveMark {
    var delivered = values(payload)
    if case .value(let bytes, _)? = previous {
      delivered += values(bytes)
    }
    return hidden.note(delivered)
  }
}
