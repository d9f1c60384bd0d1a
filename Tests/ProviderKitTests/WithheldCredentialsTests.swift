import HTTPTransport
import ProviderKit
import SecretBytes
import TestSupport
import Testing

private let token = "hvs.CAESIQzTq8Wk3pLm+Vx/9dRb-2Gh"

private func connection() -> OpenConnection {
  let connection = OpenConnection(
    named: "c", services: .testing(transport: { _ in ScriptedTransport { _, _ in fatalError() } }))
  connection.withhold(SecretBytes(token))
  return connection
}

@Test(arguments: [
  token, String(token.dropFirst(9)), String(token.dropLast(9)), token.lowercased(), token.uppercased(),
  "***" + token.dropFirst(4), token.map { "\($0)" }.joined(separator: "\n"), "a \(token.prefix(8)) b",
])
func noMessageRepeatsACredentialNorAPartOfOne(_ words: String) {
  let connection = connection()
  for failure in [
    connection.failures.make(.denied, "the server said: \(words)", hint: "not \(words)"),
    connection.failures.make(.denied, connection.words("denied for \(words)") ?? "denied"),
  ] {
    let shown = failure.line.lowercased().filter { !$0.isWhitespace }
    let secret = Array(token.lowercased())
    for start in 0...secret.count - 8 {
      #expect(!shown.contains(String(secret[start..<start + 8])), "\(failure.line)")
    }
  }
}

@Test func wordsThatRepeatNothingStay() {
  let connection = connection()
  connection.withhold(SecretBytes("abc"))
  #expect(connection.words("permission denied: abc") == "permission denied: abc")
  #expect(connection.failures.make(.denied, "no CAESIQ here").message == "no CAESIQ here")
}
