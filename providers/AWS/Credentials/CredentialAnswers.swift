import AWSSigning
import JSONReader
import SecretBytes
import Text

/// What is wrong with an answer that should hold credentials, as half a sentence.
struct AnswerFault: Error, Equatable {
  let message: String
}

extension AWSCredentials {
  /// Of AssumeRole or one of its sisters, in the XML of the query protocol
  /// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
  init(xml body: SecretBytes) throws(AnswerFault) {
    let answer: XMLLeaves
    do throws(XMLLeaves.Fault) {
      answer = try XMLLeaves(body)
    } catch {
      throw AnswerFault(message: "is not XML of the query protocol: \(error.message)")
    }
    func part(_ name: String) throws(AnswerFault) -> SecretBytes {
      guard let text = answer.leaf("*", "Credentials", name), !text.isEmpty else {
        throw AnswerFault(message: "has no \(name)")
      }
      return text
    }
    guard let accessKeyID = try part("AccessKeyId").unsafeString() else {
      throw AnswerFault(message: "has no AccessKeyId")
    }
    guard let end = try part("Expiration").unsafeString().flatMap({ CivilTime(internetText: $0)?.unixTime }) else {
      throw AnswerFault(message: "has an Expiration that is no date")
    }
    self.init(
      accessKeyID: accessKeyID, secretAccessKey: try part("SecretAccessKey"), sessionToken: try part("SessionToken"),
      expiresAt: end)
  }

  /// Of the services that only this machine reaches, and of helper programs.
  ///
  /// - Parameter token: what the session token is called there.
  init(json: JSONValue, token: String) throws(AnswerFault) {
    guard
      let accessKeyID = json.member("AccessKeyId")?.text, !accessKeyID.isEmpty,
      let secret = json.member("SecretAccessKey")?.secret, !secret.isEmpty
    else {
      throw AnswerFault(message: "no AccessKeyId and SecretAccessKey")
    }
    let end = json.member("Expiration").flatMap { $0.isNull ? nil : $0 }
    let seconds = end?.text.flatMap { CivilTime(internetText: $0)?.unixTime }
    guard end == nil || seconds != nil else {
      throw AnswerFault(message: "an Expiration that is no date")
    }
    self.init(
      accessKeyID: accessKeyID, secretAccessKey: secret.detached(),
      sessionToken: json.member(token)?.secret?.detached(), expiresAt: seconds)
  }
}
