extension Session {
  /// Makes a grant longer; `nil` where it cannot be, and a new login has to follow.
  public typealias Lengthener = @Sendable (Credential) async throws(ProviderFailure) -> Grant?

  /// What an attempt came to.
  enum Gain {
    case login(Grant)
    /// The same login with a longer life.
    case lengthened(Grant)
    case nothing(ProviderFailure)
    /// It could not be lengthened now; whether a login can be had is not known.
    case notLengthened(ProviderFailure)
  }

  /// Makes logins and renews them.
  struct Attempts: Sendable {
    /// `nil`: nobody counts.
    let metrics: ConnectionMetrics?
    /// `nil`: a new login renews.
    let lengthen: Lengthener?
    let logIn: @Sendable () async throws(ProviderFailure) -> Grant

    /// - Parameter old: what is renewed; `nil`: there is nothing.
    func make(renewing old: Grant?) async -> Gain {
      // Where grants are lengthened, a login in the place of that is no renewal.
      let isRenewal = old != nil && lengthen == nil
      if let old, let lengthen {
        do throws(ProviderFailure) {
          if let grant = try await lengthen(old.credential) {
            count(true, isRenewal: true)
            return .lengthened(grant)
          }
        } catch {
          count(false, isRenewal: true)
          // What is refused a longer life may be had anew.
          guard !error.mayHeal else {
            return .notLengthened(error)
          }
        }
      }
      do throws(ProviderFailure) {
        let grant = try await logIn()
        count(true, isRenewal: isRenewal)
        return .login(grant)
      } catch {
        count(false, isRenewal: isRenewal)
        return .nothing(error)
      }
    }

    private func count(_ succeeded: Bool, isRenewal: Bool) {
      if isRenewal {
        metrics?.renewed(succeeded)
      } else {
        metrics?.loggedIn(succeeded)
      }
    }
  }
}
