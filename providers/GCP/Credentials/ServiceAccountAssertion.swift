import JSONReader
import SecretBytes

/// The JWT that a service account signs for a token (https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth).
enum ServiceAccountAssertion {
  /// Google takes no JWT that lives longer.
  static let lifetime: Int64 = 3600

  /// - Parameter unixTime: now.
  static func make(
    for key: ServiceAccountKey, scope: String, unixTime: Int64
  ) throws(RSASigner.Fault) -> SecretBytes {
    var header = JSONWriter()
    header.beginObject()
    header.name("typ")
    header.string("JWT")
    header.name("alg")
    header.string("RS256")
    if let keyID = key.keyID {
      header.name("kid")
      header.string(keyID)
    }
    header.endObject()
    var claims = JSONWriter()
    claims.beginObject()
    claims.name("iat")
    claims.number(unixTime)
    claims.name("exp")
    claims.number(unixTime.addingReportingOverflow(lifetime).partialValue)
    claims.name("iss")
    claims.string(key.email)
    // The endpoint that it is sent to, whichever the file names, so that nobody else can make use of it.
    claims.name("aud")
    claims.string(key.tokenURL.description)
    claims.name("scope")
    claims.string(scope)
    claims.endObject()
    var text = SecretBuffer()
    text.append(Base64.encode(header.finish(), .url))
    text.append("." as StaticString)
    text.append(Base64.encode(claims.finish(), .url))
    let signed = text.finish()
    var whole = SecretBuffer(capacity: signed.count + 400)
    whole.append(signed)
    whole.append("." as StaticString)
    whole.append(Base64.encode(try RSASigner.sign(signed, key: key.privateKey), .url))
    return whole.finish()
  }
}
