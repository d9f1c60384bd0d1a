/// Of the services that only this machine reaches.
extension DefaultChainRow {
  private static func given(_ more: String = "", id: String = "AKM") -> String {
    #"{"Code": "Success", "AccessKeyId": "\#(id)", "SecretAccessKey": "s", "Token": "t"\#(more)}"#
  }
  private static let relative = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/r"]
  private static let full = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/f"]
  private static let tokenVariable = "AWS_CONTAINER_AUTHORIZATION_TOKEN"

  private static func container(
    _ name: String, _ variables: [String: String] = relative, files: [String: String] = [:], _ status: Int = 200,
    _ body: String = given(), gives expected: Expected = .key("AKM", from: "container endpoint", token: "t")
  ) -> DefaultChainRow {
    .init(
      name, variables, files: files, answers: ["GET /r": (status, body), "GET /f": (status, given(id: "AKFULL"))],
      gives: expected)
  }

  static let containers: [DefaultChainRow] = [
    container("a task"),
    container("a pod", full, 200, "", gives: .key("AKFULL", from: "container endpoint", token: "t")),
    container("both addresses", with(relative, full)),
    container(
      "a blank path beside an address", with(full, ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": " "]), 200, "",
      gives: .key("AKFULL", from: "container endpoint", token: "t")),
    container(
      "blank addresses", ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\t"],
      200, "",
      gives: .nothing("container: not set up")),
    container(
      "a path without its slash", ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "r"], 200, "",
      gives: .fault("begins with /")),
    container(
      "an address elsewhere", ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/f"], 200, "",
      gives: .fault("https only")),
    container("a blank token", with(relative, [tokenVariable: " "])),
    container(
      "a token's file that is not there", with(relative, ["\(tokenVariable)_FILE": "HOME/token"]), 200, "",
      gives: .fault("token does not exist")),
    container(
      "a token's blank file", with(relative, ["\(tokenVariable)_FILE": "HOME/token"]), files: ["token": "\n"], 200, "",
      gives: .fault("no token that a header can carry")),
    container("half an answer", relative, 200, #"{"AccessKeyId": "A"}"#, gives: .fault("gave no AccessKeyId")),
    container("an empty id", relative, 200, given(id: ""), gives: .fault("gave no AccessKeyId")),
    container("an ended answer", relative, 200, given(#", "Expiration": "\#(past)""#)),
    container("an end that is no date", relative, 200, given(#", "Expiration": "soon""#), gives: .fault("no date")),
    container(
      "a refusal", with(relative, ["AWS_EC2_METADATA_DISABLED": "false"]), 403, "{}",
      gives: .fault("refused (status 403)")),
    container("an outage", relative, 500, "", gives: .fault("failed (status 500)")),
    .init(
      "a task beside a profile", relative, credentials: "[default]\n" + keys("AKF"),
      gives: .key("AKF", from: "profile default")),
    .init("a task that nobody serves", relative, gives: .fault("169.254.170.2")),
  ]

  private static let roleList = "/latest/meta-data/iam/security-credentials/"

  private static func instance(
    _ name: String, _ variables: [String: String] = [:], token: (status: Int, body: String) = (200, "tok"),
    list: (status: Int, body: String) = (200, "web"), role: (status: Int, body: String) = (200, given()),
    gives expected: Expected = .key("AKM", from: "instance metadata role web", token: "t")
  ) -> DefaultChainRow {
    .init(
      name, with(["AWS_EC2_METADATA_DISABLED": "false"], variables),
      answers: ["PUT /latest/api/token": token, "GET \(roleList)": list, "GET \(roleList)web": role], gives: expected)
  }

  static let instances: [DefaultChainRow] = [
    instance("an instance"),
    instance("a blank switch", ["AWS_EC2_METADATA_DISABLED": " "]),
    instance(
      "turned off", ["AWS_EC2_METADATA_DISABLED": "True"],
      gives: .nothing("instance metadata is turned off by AWS_EC2_METADATA_DISABLED")),
    instance("a blank address", ["AWS_EC2_METADATA_SERVICE_ENDPOINT": " "]),
    instance(
      "a mode that is none", ["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv5"], gives: .fault("neither IPv4 nor IPv6")),
    instance("a blank mode", ["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": " "]),
    instance("no token", token: (403, ""), gives: .nothing("instance metadata gives no token (status 403)")),
    instance("an empty token", token: (200, ""), gives: .nothing("instance metadata gives no token (status 200)")),
    instance("an outage", token: (503, ""), gives: .fault("instance metadata failed (status 503)")),
    instance("no role", list: (404, ""), gives: .nothing("the instance has no role")),
    instance("a blank role", list: (200, " \n"), gives: .fault("names no role")),
    instance("half an answer", role: (200, #"{"SecretAccessKey": "s"}"#), gives: .fault("gave no AccessKeyId")),
    instance("a failure by its code", role: (200, #"{"Code": "Failed"}"#), gives: .fault("answered Failed")),
    instance("ended keys", role: (200, given(#", "Expiration": "\#(past)""#))),
    instance("an end that is no date", role: (200, given(#", "Expiration": "soon""#)), gives: .fault("no date")),
    .init("nobody there", ["AWS_EC2_METADATA_DISABLED": "false"], gives: .nothing("instance metadata: ")),
  ]
}
