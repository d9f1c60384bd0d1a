import ExecutionModel
import Testing

private func provider(_ auth: String, type: String = "aws_secrets_manager") -> String {
  #"{"secret_providers": {"a": {"type": "\#(type)", "region": "eu-central-1"\#(auth)}}}"#
}

@Test(arguments: [
  ("", "default"), (#", "auth": {}"#, "default"),
  (#", "auth": {"access_key_id": "A", "secret_access_key_env": "S"}"#, "static"),
  (#", "auth": {"access_key_id_file": "/a", "secret_access_key_file": "/s", "session_token_file": "/t"}"#, "static"),
  (#", "auth": {"role_arn": "arn:aws:iam::123456789012:role/r", "token_file": "/t"}"#, "web_identity"),
  (#", "auth": {"role": "arn:aws:iam::123456789012:role/r"}"#, "web_identity"),
  (#", "auth": {"profile": "web"}"#, "profile"), (#", "auth": {"method": "container"}"#, "container"),
  (#", "auth": {"method": "instance_metadata"}"#, "instance_metadata"),
])
func theFieldsTellTheMethodOfAWS(_ auth: String, _ method: String) throws {
  #expect(try execution(provider(auth)).providers.first?.method == method)
}

@Test func fieldsOfTwoMethodsOfAWSContradictEachOther() {
  let lines = faults(provider(#", "auth": {"access_key_id": "A", "secret_access_key": "S", "role_arn": "r"}"#))
  #expect(lines.count == 1)
  #expect(lines.first?.contains("no method takes these fields together") == true)
  let named = faults(provider(#", "auth": {"method": "container", "access_key_id": "A"}"#))
  #expect(named.first?.contains("belongs to method static") == true)
}

@Test func halfAKeyIsAFault() {
  let lines = faults(provider(#", "auth": {"access_key_id": "A"}"#))
  #expect(lines.count == 1)
  #expect(
    lines.first?.contains("needs one of secret_access_key, secret_access_key_file, secret_access_key_env") == true)
}

/// A document of one entry, `AWS`, of one provider.
private func entry(_ type: String, _ fields: String, more: String = "") -> String {
  #"""
  {"secret_providers": {"a": {"type": "\#(type)", "region": "eu-central-1"}},
   "secrets": {"AWS": {"from": "a"\#(fields)}\#(more)}}
  """#
}

@Test func anEntryOfSTSIsAPrefix() throws {
  let role = #", "role_arn": "arn:aws:iam::123456789012:role/r""#
  #expect(
    try execution(entry("aws_sts", role)).secrets.first?.outputs == [
      "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_EXPIRATION",
    ])
  let collision = faults(
    entry("aws_sts", role, more: #", "AWS_SESSION_TOKEN": {"from": "a"\#(role)}, "AWS_SESSION": {"from": "a"\#(role)}"#)
  )
  #expect(collision.isEmpty)
  let plain = faults(
    #"""
    {"secret_providers": {"a": {"provider": "aws_sts", "region": "r"}, "f": {"provider": "file"}},
     "secrets": {"AWS": {"from": "a"\#(role)}, "AWS_REGION": {"from": "f", "path": "/r"}}}
    """#)
  #expect(plain == ["secrets.AWS_REGION: yields AWS_REGION, as AWS does; rename one of them"])
}

@Test func anEntryOfSTSHasNoField() {
  let lines = faults(entry("aws_sts", #", "role_arn": "arn:aws:iam::123456789012:role/r", "field": "x""#))
  #expect(lines == ["secrets.AWS.field: belongs to types that give one value, not to aws_sts; remove it"])
}

@Test(arguments: [
  (
    "aws_secrets_manager", #", "secret_id": "s", "version_id": "v", "version_stage": "AWSCURRENT""#,
    "exclude each other"
  ),
  ("aws_secrets_manager", #", "name": "s""#, "secrets.AWS.name: belongs to aws_parameter_store"),
  ("aws_secrets_manager", "", "secrets.AWS.secret_id: required"),
  ("aws_ssm", #", "name": "p", "with_decryption": "no""#, "expected true or false"),
  ("aws_parameter_store", #", "name": """#, "must not be empty"),
  ("aws_sts", #", "role_arn": "r", "duration_seconds": 899"#, "900 to 43200"),
  ("aws_sts", #", "role_arn": "r", "duration_seconds": 43201"#, "900 to 43200"),
])
func faultsOfAWSEntriesAreFound(_ type: String, _ fields: String, _ words: String) {
  #expect(faults(entry(type, fields)).contains { $0.contains(words) }, "\(faults(entry(type, fields)))")
}
