import Delivery
import ProviderKit

/// Why a secret has no newer value, or none that its workload can have.
public enum SecretFault: Sendable, Equatable {
  /// It could not be fetched, or what was fetched is not what the document asks for.
  case provider(ProviderFailure)
  /// It was fetched, and could not be put where its workload reads it.
  case output(DeliveryFault)

  /// `denied`, `missing` and so on as of a ``ProviderFailure``; `output`.
  var kind: String {
    switch self {
    case .provider(let failure): failure.kind.rawValue
    case .output: "output"
    }
  }

  /// What happened.
  var message: String {
    switch self {
    case .provider(let failure): failure.message
    case .output(let fault): fault.description
    }
  }

  /// The whole, in one line.
  var line: String {
    switch self {
    case .provider(let failure): failure.line
    case .output(let fault): fault.description
    }
  }

  /// ``line`` without what is this secret's alone, by which those that share it can be told.
  var cause: String {
    switch self {
    case .provider(let failure): failure.cause
    case .output(let fault): fault.description
    }
  }
}

/// What was fetched for an execution, and came to no output: by the last attempt to make a generation of it.
struct UndeliveredSecrets: Sendable {
  /// By the names of entries.
  private var faults: [String: SecretFault] = [:]
  /// What keeps all of them from being written.
  private var shared: SecretFault?

  /// Nothing.
  init() {}

  /// Values that are held, but are not what their entries ask for, or are too many.
  init(_ failures: some Sequence<(entry: String, failure: ProviderFailure)>) {
    faults = Dictionary(failures.map { ($0.entry, .provider($0.failure)) }) { first, _ in first }
  }

  /// A generation that could not be written: a fault that names no output is that of all of them.
  ///
  /// - Parameter entries: the entry that each output is of.
  init(_ error: DeliveryFaults, entries: [String: String]) {
    for fault in error.faults {
      if case .secret(let name) = fault.subject, let entry = entries[name] {
        faults[entry] = faults[entry] ?? .output(fault)
      } else {
        shared = shared ?? .output(fault)
      }
    }
  }

  subscript(entry: String) -> SecretFault? { faults[entry] ?? shared }
}
