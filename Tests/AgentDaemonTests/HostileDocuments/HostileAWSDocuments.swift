/// Calls that would carry the node's AWS credentials to somebody else.
let hostileAWSDocuments: [HostileDocument] =
  [
    ("another host", #""endpoint_url": "https://attacker.example""#, "eu-central-1"),
    (
      "a host that begins with AWS's",
      #""endpoint_url": "https://secretsmanager.eu-central-1.amazonaws.com.attacker.example""#, "eu-central-1"
    ),
    (
      "a host of AWS's that anybody can have",
      #""endpoint_url": "https://abcdef.execute-api.eu-central-1.amazonaws.com""#, "eu-central-1"
    ),
    ("a workload on loopback", #""endpoint_url": "http://127.0.0.1:4566""#, "eu-central-1"),
    ("another region", "", "us-east-1"), ("another partition", "", "cn-north-1"),
    ("a FIPS endpoint", "", "fips-us-east-1"),
  ].flatMap { name, endpoint, region in
    [
      aws("the instance's role to \(name)", "instance", #"{"method": "instance_metadata"}"#, endpoint, region: region),
      aws("the default chain's instance to \(name)", "instance", "{}", endpoint, region: region),
    ]
  }
  + [
    aws("the instance's role by another name", "instance", #"{"method": "imds"}"#, elsewhere),
    aws("the container's role", "instance", #"{"method": "container"}"#, elsewhere).on(container),
    aws("the default chain's container", "instance", "{}", elsewhere).on(container),
    aws("the default chain's variables", "aws-keys", "{}", elsewhere)
      .on(["AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "key"]),
    aws("the default chain's web identity", "web-identity", "{}", elsewhere).on(webIdentity),
    aws("a web identity of the document's file", "web-identity", token, elsewhere),
    aws("a web identity by STS of another region", "web-identity", token, region: "us-west-2"),
    aws("the default chain's profile", "profiles", "{}", elsewhere).on(shared, files: profiles),
    aws("a profile by name", "profiles", "{}", #""profile": "shop", \#(elsewhere)"#).on(shared, files: profiles),
    aws("a profile with an endpoint of its own", "profiles", "{}", #""profile": "moved""#).on(shared, files: profiles),
    aws("a profile with an endpoint for the service", "profiles", "{}", #""profile": "services""#)
      .on(shared, files: profiles),
    aws("a profile that runs a program", "profiles", "{}", #""profile": "program", \#(elsewhere)"#)
      .on(shared, files: profiles),
    aws("a profile's role by another profile", "profiles", "{}", #""profile": "role", \#(elsewhere)"#)
      .on(shared, files: profiles),
    aws("a profile that takes the instance's role", "profiles", "{}", #""profile": "instance", \#(elsewhere)"#)
      .on(shared, files: profiles),
    aws(
      "a credentials file of the document's choice", "profiles",
      #"{"path": "FOLDER/credentials/aws/credentials"}"#, #""profile": "shop", \#(elsewhere)"#
    ).on([:], files: profiles),
    HostileDocument(
      "STS at another host, as the instance", refusedBy: "credentials.instance",
      """
      {"provider": "aws_sts", "region": "eu-central-1", "role_arn": "arn:aws:iam::123456789012:role/web", \(elsewhere)}
      """
    ).with {
      $0.lookup = #""encoding": "raw""#
      $0.variable = "DB"
    },
  ]

private let elsewhere = #""endpoint_url": "https://attacker.example""#
private let container = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:51679/credentials"]
private let webIdentity = [
  "AWS_WEB_IDENTITY_TOKEN_FILE": "FOLDER/credentials/free/token",
  "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/web",
]
private let token = """
  {"method": "web_identity", "role": "arn:aws:iam::123456789012:role/web", \
  "token_file": "FOLDER/credentials/free/token"}
  """
let shared = [
  "AWS_CONFIG_FILE": "FOLDER/credentials/aws/config",
  "AWS_SHARED_CREDENTIALS_FILE": "FOLDER/credentials/aws/credentials",
]
let profiles = [
  "credentials/aws/credentials": """
  [default]
  aws_access_key_id = AKIA
  aws_secret_access_key = key
  [shop]
  aws_access_key_id = AKIA
  aws_secret_access_key = key
  [moved]
  aws_access_key_id = AKIA
  aws_secret_access_key = key
  [services]
  aws_access_key_id = AKIA
  aws_secret_access_key = key
  """,
  "credentials/aws/config": """
  [profile moved]
  endpoint_url = https://attacker.example
  [profile services]
  services = elsewhere
  [services elsewhere]
  secrets_manager =
    endpoint_url = https://attacker.example
  [profile program]
  credential_process = /bin/false
  [profile role]
  role_arn = arn:aws:iam::123456789012:role/web
  source_profile = shop
  [profile instance]
  role_arn = arn:aws:iam::123456789012:role/web
  credential_source = Ec2InstanceMetadata
  """,
]

func aws(
  _ name: String, _ rule: String?, _ auth: String, _ more: String = "", region: String = "eu-central-1"
) -> HostileDocument {
  let more = more.isEmpty ? "" : ", \(more)"
  return HostileDocument(
    name, refusedBy: rule.map { "credentials.\($0)" },
    #"{"provider": "aws_secrets_manager", "region": "\#(region)", "auth": \#(auth)\#(more)}"#
  ).asking(for: #""secret_id": "web/db""#)
}
