import ExecutionModel
import Synchronization

/// Sessions that several connections of one process use, as the login of an identity that many stores accept.
///
/// A session lives as long as a connection holds it.
public final class SharedSessions: Sendable {
  private struct Key: Hashable, Sendable {
    let type: ObjectIdentifier
    let identity: any Hashable & Sendable

    static func == (left: Key, right: Key) -> Bool {
      left.type == right.type && AnyHashable(left.identity) == AnyHashable(right.identity)
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(type)
      hasher.combine(AnyHashable(identity))
    }
  }

  private struct Weak: Sendable {
    weak var session: (any AnyObject & Sendable)?
  }

  private let held = Mutex<[Key: Weak]>([:])
  private let ofGrants = Mutex<[CredentialGrant: Weak]>([:])

  public init() {}

  /// Those of one grant alone; of none, these.
  func sessions(of grant: CredentialGrant) -> SharedSessions {
    guard grant != .none else {
      return self
    }
    return ofGrants.withLock { ofGrants in
      if let sessions = ofGrants[grant]?.session as? SharedSessions {
        return sessions
      }
      ofGrants = ofGrants.filter { $0.value.session != nil }
      let sessions = SharedSessions()
      ofGrants[grant] = Weak(session: sessions)
      return sessions
    }
  }

  /// The session of `identity`, made by `make` where no connection holds one.
  public func session<Session: AnyObject & Sendable>(
    of identity: some Hashable & Sendable, make: () -> Session
  ) -> Session {
    held.withLock { held in
      let key = Key(type: ObjectIdentifier(Session.self), identity: identity)
      if let session = held[key]?.session as? Session {
        return session
      }
      held = held.filter { $0.value.session != nil }
      let session = make()
      held[key] = Weak(session: session)
      return session
    }
  }
}
