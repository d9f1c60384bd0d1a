import Foundation
import Testing

/// botocore beside a server that plays STS, a container's credential endpoint and instance metadata. The access key ids that it gives
/// out tell how they came about, so that two clients that did the same got the same.
final class BotocoreServer {
  static let path = ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"]

  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  let port: Int

  init() throws {
    process.executableURL = URL(fileURLWithPath: try #require(Self.path))
    process.arguments = ["-c", Self.script]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let line = try Self.line(output)
    self.port = try #require(Int(String(decoding: line, as: UTF8.self)))
  }

  deinit {
    // The script ends with its input.
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// One question, one answer, each a line of JSON.
  func ask<Question: Encodable, Answer: Decodable>(_ question: Question, _: Answer.Type) throws -> Answer {
    try input.fileHandleForWriting.write(contentsOf: JSONEncoder().encode(question) + Data("\n".utf8))
    return try JSONDecoder().decode(Answer.self, from: Self.line(output))
  }

  private static func line(_ pipe: Pipe) throws -> Data {
    var line = Data()
    while true {
      let byte = try #require(try pipe.fileHandleForReading.read(upToCount: 1), "the script ended")
      guard byte.first != UInt8(ascii: "\n") else {
        return line
      }
      line += byte
    }
  }

  private static let script = """
    import json, os, sys, threading, urllib.parse
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    END = "2099-01-01T00:00:00Z"
    class Services(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def log_message(self, *a): pass
        def reply(self, text, kind="application/json", status=200):
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def keys(self, key):
            self.reply(json.dumps({"Code": "Success", "AccessKeyId": key, "SecretAccessKey": "s", "Token": "t", "Expiration": END}))
        def body(self):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        def do_PUT(self):
            self.body()
            good = self.path.endswith("/latest/api/token") and self.headers.get("x-aws-ec2-metadata-token-ttl-seconds") == "21600"
            self.reply("tok" if good else "", status=200 if good else 404)
        def do_GET(self):
            if "/latest/meta-data/" in self.path and self.headers.get("x-aws-ec2-metadata-token") != "tok":
                return self.reply("", status=401)
            if self.path.endswith("/security-credentials/"): return self.reply("web", "text/plain")
            if self.path.endswith("/security-credentials/web"): return self.keys("IMDS.web")
            if self.path.startswith("/refused"): return self.reply("{}", status=403)
            self.keys("C" + self.path.replace("/", ".") + "." + (self.headers.get("Authorization") or ""))
        def do_POST(self):
            form = dict(urllib.parse.parse_qsl(self.body()))
            role = form["RoleArn"].split("/")[-1]
            session = form["RoleSessionName"]
            session = "" if session.startswith(("botocore", "secrets-agent")) else session
            extra = ".".join([role, session, form.get("ExternalId", ""), form.get("DurationSeconds", "3600")])
            if form["Action"] == "AssumeRole":
                key = "R." + self.headers["Authorization"].split("Credential=")[1].split("/")[0] + "." + extra
            else:
                key = "W." + form["WebIdentityToken"] + "." + extra
            name = form["Action"]
            self.reply(
                f"<{name}Response xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><{name}Result><Credentials>"
                f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
                f"<Expiration>{END}</Expiration></Credentials></{name}Result></{name}Response>", "text/xml")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Services)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)

    import botocore.session
    from botocore.endpoint_provider import EndpointProvider
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.endpoint_provider import RuleSet
    loader = Loader()
    path = os.environ.get("PATH", "")
    def session(question):
        os.environ.clear()
        os.environ.update(question["environment"])
        os.environ["PATH"] = path
        return botocore.session.Session(profile=question.get("profile"))
    def credentials(question):
        found = session(question)
        found.set_config_variable("region", "eu-central-1")
        keys = found.get_credentials()
        if keys is None: return {"method": "none"}
        method = keys.method
        return {"method": method, "accessKeyID": keys.get_frozen_credentials().access_key}
    class Seen(Exception): pass
    def endpoint(question):
        client = session(question).create_client(
            question["service"], region_name=question["region"], aws_access_key_id="a", aws_secret_access_key="b")
        urls = []
        def see(request, **rest):
            urls.append(request.url)
            raise Seen()
        client.meta.events.register("before-send", see)
        call = {"secretsmanager": "list_secrets", "ssm": "describe_parameters", "sts": "get_caller_identity"}
        try: getattr(client, call[question["service"]])()
        except Seen: pass
        return {"method": urls[0]}
    rules = {}
    def rule(question):
        if not rules:
            partitions = loader.load_data("partitions")
            for service in ["secretsmanager", "ssm", "sts"]:
                rules[service] = EndpointProvider(loader.load_service_model(service, "endpoint-rule-set-1"), partitions)
        return {"method": rules[question["service"]].resolve_endpoint(
            Region=question["region"], UseFIPS=question["fips"], UseDualStack=question["dual"],
            **({"Endpoint": question["endpoint"]} if question.get("endpoint") else {})).url}
    for line in sys.stdin:
        question = json.loads(line)
        try: answer = {"credentials": credentials, "endpoint": endpoint, "rule": rule}[question["kind"]](question)
        except Exception as error: answer = {"method": "error", "error": type(error).__name__ + ": " + str(error)}
        print(json.dumps(answer), flush=True)
    """
}
