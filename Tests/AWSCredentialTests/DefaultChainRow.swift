import Testing

/// What stands on a node, and what the default chain makes of it. `HOME` in any text stands for the home folder.
struct DefaultChainRow: Sendable, CustomTestStringConvertible {
  enum Expected: Sendable {
    /// The key of a source whose name begins so; `token`: its session token.
    case key(String, from: String, token: String? = nil)
    /// The search ends there, with a failure that says so.
    case fault(String)
    /// No source has anything; the failure says so.
    case nothing(String)
  }

  let name: String
  var variables: [String: String] = [:]
  var config: String?
  var credentials: String?
  var files: [String: String] = [:]
  /// By method and path: status and body of whoever is asked; `nil`: nobody is there.
  var answers: [String: (status: Int, body: String)]?
  /// Runs a command, which takes real time.
  var runsCommand = false
  let expected: Expected

  var testDescription: String { name }

  init(
    _ name: String, _ variables: [String: String] = [:], config: String? = nil, credentials: String? = nil,
    files: [String: String] = [:], answers: [String: (status: Int, body: String)]? = nil, runsCommand: Bool = false,
    gives expected: Expected
  ) {
    self.name = name
    self.variables = variables
    self.config = config
    self.credentials = credentials
    self.files = files
    self.answers = answers
    self.runsCommand = runsCommand
    self.expected = expected
  }

  static let all = variables + webIdentity + profileChoice + files + roles + commands + containers + instances

  // MARK: - Parts of rows

  /// Before the clock of tests, which starts at 2027-01-15T08:00:00Z.
  static let past = "2027-01-15T07:00:00Z"
  static let pair = ["AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "s"]
  static let pod = ["AWS_WEB_IDENTITY_TOKEN_FILE": "HOME/token", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod"]
  static let token = ["token": "a.jwt"]

  static func keys(_ id: String) -> String { "aws_access_key_id = \(id)\naws_secret_access_key = s\n" }

  /// With another variable, or another value of one.
  static func with(_ variables: [String: String], _ more: [String: String]) -> [String: String] {
    variables.merging(more) { $1 }
  }

  static func sts(_ status: Int = 200, _ body: String = STSBody.assumeRole("ASIA1")) -> [String: (
    status: Int, body: String
  )] {
    ["POST /": (status, body)]
  }
}
