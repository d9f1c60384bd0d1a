import Foundation
import TestSupport

/// The one call of a Kubernetes API server that OpenBao's kubernetes auth makes: `TokenReview`.
///
/// It says of each token that it knows whose service account it is, and of all others that they are not authentic.
final class TokenReviewEndpoint: Sendable {
  var address: String { endpoint.address }
  private let endpoint: HTTPEndpoint

  /// - Parameter accounts: service accounts (`namespace:name`) by token.
  init(accounts: [String: String]) throws {
    endpoint = try HTTPEndpoint { Self.answer($0, accounts) }
  }

  private static func answer(_ request: HTTPEndpoint.Request, _ accounts: [String: String]) -> HTTPEndpoint.Response {
    struct Review: Decodable {
      struct Spec: Decodable { let token: String }
      let spec: Spec
    }
    guard let review = try? JSONDecoder().decode(Review.self, from: request.body) else {
      return HTTPEndpoint.Response(status: "400 Bad Request", body: [:])
    }
    let account = accounts[review.spec.token]
    let status: JSON =
      account.map {
        ["authenticated": true, "user": ["username": .string("system:serviceaccount:\($0)"), "uid": "1"]]
      }
      ?? ["authenticated": false, "error": "token is not known"]
    return HTTPEndpoint.Response(
      status: "201 Created",
      body: [
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": ["token": ""], "status": status,
      ])
  }
}
