import JSONReader

/// An error of a service, in both of the notations that services have.
struct AWSFakeRefusal: Error {
  /// As JSON services write it.
  var code: String
  var status = 400
  var message: String
  /// As the query protocol writes it, where that differs.
  var queryCode: String?
  var queryStatus: Int?

  static let missingToken = AWSFakeRefusal(
    code: "MissingAuthenticationTokenException", message: "Request is missing Authentication Token",
    queryCode: "MissingAuthenticationToken", queryStatus: 403)
  static let unknownClient = AWSFakeRefusal(
    code: "UnrecognizedClientException", message: "The security token included in the request is invalid.",
    queryCode: "InvalidClientTokenId", queryStatus: 403)
  static let expired = AWSFakeRefusal(
    code: "ExpiredTokenException", message: "The security token included in the request is expired",
    queryCode: "ExpiredToken", queryStatus: 403)

  static func incomplete(_ message: String) -> AWSFakeRefusal {
    AWSFakeRefusal(code: "IncompleteSignatureException", message: message, queryCode: "IncompleteSignature")
  }

  static func mismatch(_ message: String) -> AWSFakeRefusal {
    AWSFakeRefusal(
      code: "InvalidSignatureException", message: message, queryCode: "SignatureDoesNotMatch", queryStatus: 403)
  }

  static func denied(_ principal: String, _ action: String, _ resource: String) -> AWSFakeRefusal {
    AWSFakeRefusal(
      code: "AccessDeniedException",
      message:
        "User: \(principal) is not authorized to perform: \(action) on resource: \(resource) because no identity-based policy allows the \(action) action",
      queryCode: "AccessDenied", queryStatus: 403)
  }

  static func validation(_ message: String) -> AWSFakeRefusal {
    AWSFakeRefusal(code: "ValidationException", message: message, queryCode: "ValidationError")
  }

  var json: String {
    AWSFakeJSON.object { json in
      json.name("__type")
      json.string(code)
      json.name("message")
      json.string(message)
    }
  }

  var xml: String {
    """
    <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <Error>
        <Type>Sender</Type>
        <Code>\(AWSFakeXML.escaped(queryCode ?? code))</Code>
        <Message>\(AWSFakeXML.escaped(message))</Message>
      </Error>
      <RequestId>\(AWSFakeCore.requestID)</RequestId>
    </ErrorResponse>

    """
  }
}

enum AWSFakeJSON {
  static func object(_ members: (inout JSONWriter) -> Void) -> String {
    var json = JSONWriter()
    json.beginObject()
    members(&json)
    json.endObject()
    return json.finish().unsafeString() ?? ""
  }
}

enum AWSFakeXML {
  static func escaped(_ text: String) -> String {
    text.map { character in
      switch character {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      default: String(character)
      }
    }.joined()
  }
}
