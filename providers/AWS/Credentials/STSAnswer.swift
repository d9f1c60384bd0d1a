import AWSSigning
import SecretBytes

/// Answers of STS, in the XML of the query protocol (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
enum STSAnswer {
  struct Fault: Error, Equatable {
    /// What is wrong with the answer, as half a sentence.
    let message: String
  }

  /// The credentials that AssumeRole or one of its sisters gave.
  static func credentials(from body: SecretBytes) throws(Fault) -> AWSCredentials {
    let answer: XMLLeaves
    do throws(XMLLeaves.Fault) {
      answer = try XMLLeaves(body)
    } catch {
      throw Fault(message: "is not XML of the query protocol: \(error.message)")
    }
    func part(_ name: String) throws(Fault) -> SecretBytes {
      guard let text = answer.text("*", "Credentials", name), !text.isEmpty else {
        throw Fault(message: "has no \(name)")
      }
      return text
    }
    guard let accessKeyID = try part("AccessKeyId").unsafeString() else {
      throw Fault(message: "has no AccessKeyId")
    }
    guard let end = try part("Expiration").unsafeString().flatMap(AWSTimestamp.seconds(of:)) else {
      throw Fault(message: "has an Expiration that is no date")
    }
    return AWSCredentials(
      accessKeyID: accessKeyID, secretAccessKey: try part("SecretAccessKey"), sessionToken: try part("SessionToken"),
      expiresAt: end)
  }

  /// The code and the words of an error, or `nil` where the body is none.
  static func error(from body: SecretBytes) -> (code: String, message: String)? {
    guard
      let answer = try? XMLLeaves(body),
      let code = (answer.text("Error", "Code") ?? answer.text("Errors", "Error", "Code"))?.unsafeString()
    else {
      return nil
    }
    let message = answer.text("Error", "Message") ?? answer.text("Errors", "Error", "Message")
    return (code, message?.unsafeString() ?? "")
  }
}
