import Foundation
import SecretBytes
import Testing

/// Readers of env files that only some machines have, each with the reason why it is missing, and Compose's grammar.
extension Consumers {
  static let lacksBusybox = lack(of: "busybox", ["true"], "no busybox here: apt-get install busybox")

  static let lacksNode = lack(
    of: node, ["-e", ""], "no node here: apt-get install nodejs, or name one in SECRETS_AGENT_NODE")

  static let lacksNodeEnvFile =
    lacksNode
    ?? lack(
      of: node, ["-e", "require('util').parseEnv('')"],
      "node is older than 20.12 here, whose --env-file is read by lines")

  static let lacksDocker = lack(of: "docker", ["--version"], "no docker client here: apt-get install docker.io")

  static let lacksSystemd: String? =
    systemdLibrary == nil ? "no libsystemd-shared-*.so here, or no load_env_file in it" : nil

  /// `node --env-file` as a program is started with it.
  static func nodeEnvFile(_ text: SecretBytes) throws -> [String: [UInt8]] {
    let read = try withFile(text) { path in
      try run(
        node,
        [
          "--env-file=\(path)", "-e",
          """
          const hex = Object.entries(process.env).filter(([k]) => k.startsWith('NAME'))
            .map(([k, v]) => [k, Buffer.from(v).toString('hex')])
          console.log(JSON.stringify(Object.fromEntries(hex)))
          """,
        ], environment: [:])
    }
    return try JSONDecoder().decode([String: String].self, from: Data(read)).mapValues(bytes)
  }

  /// The same parser on many texts in one process.
  static func nodeEnvFile(_ texts: [SecretBytes]) throws -> [[String: [UInt8]]?] {
    try readEach(
      texts, by: node,
      [
        "-e",
        """
        const read = process.argv.slice(1).map(path => Object.fromEntries(
          Object.entries(require('util').parseEnv(require('fs').readFileSync(path, 'utf8')))
            .map(([k, v]) => [k, Buffer.from(v).toString('hex')])))
        console.log(JSON.stringify(read))
        """,
      ])
  }

  /// systemd's own reader of `EnvironmentFile=`, out of its private library.
  static func systemdLibrary(reading text: SecretBytes) throws -> [String: [UInt8]] {
    let library = try #require(systemdLibrary)
    let read = try readEach(
      [text], by: python,
      [
        "-c",
        """
        import ctypes, json, sys
        library = ctypes.CDLL(sys.argv[1])
        variables = ctypes.POINTER(ctypes.c_char_p)()
        status = library.load_env_file(None, sys.argv[2].encode(), ctypes.byref(variables))
        if status < 0:
            sys.exit(f"load_env_file: {status}")
        read, place = {}, 0
        while variables and variables[place] is not None:
            name, value = variables[place].split(b"=", 1)
            read[name.decode()] = value.hex()
            place += 1
        print(json.dumps([read]))
        """,
        library,
      ])
    return try #require(read.first ?? nil)
  }

  /// `docker run --env-file` against a stub of the Engine's API, which tells what the container would have been started with.
  static func dockerClient(_ text: SecretBytes) throws -> [String: [UInt8]] {
    let read = try readEach(
      [text], by: python,
      [
        "-c",
        """
        import http.server, json, os, socketserver, subprocess, sys, tempfile, threading
        asked = []
        class Engine(http.server.BaseHTTPRequestHandler):
            def answer(self, status, body=b""):
                self.send_response(status)
                self.send_header("Api-Version", "1.41")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def do_HEAD(self): self.answer(200)
            def do_GET(self): self.answer(200, b"{}")
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path.split("?")[0].endswith("/containers/create"):
                    asked.append(json.loads(body))
                    self.answer(201, b'{"Id": "0123456789ab", "Warnings": []}')
                else:
                    self.answer(204)
            def address_string(self): return "client"
            def log_message(self, *_): pass
        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True
        with tempfile.TemporaryDirectory() as folder:
            socket = folder + "/engine.sock"
            server = Server(socket, Engine)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            client = subprocess.run(
                ["docker", "run", "-d", "--env-file", sys.argv[1], "image"], capture_output=True, timeout=60,
                env={"PATH": os.environ["PATH"], "HOME": folder, "DOCKER_HOST": "unix://" + socket})
        if client.returncode or len(asked) != 1:
            sys.exit(f"docker: {client.returncode}, {len(asked)} containers: {client.stderr.decode()[:500]}")
        variables = dict(entry.split("=", 1) for entry in asked[0]["Env"])
        print(json.dumps([{name: value.encode().hex() for name, value in variables.items()}]))
        """,
      ])
    return try #require(read.first ?? nil)
  }

  /// Compose's grammar by regular expressions; `nil` where it would fail, or take something from elsewhere.
  static func compose(_ texts: [SecretBytes]) throws -> [[String: [UInt8]]?] {
    try readEach(
      texts, by: python,
      [
        "-c",
        #"""
        import json, re, sys
        LINE_SPACE = "[\\t\\v\\f\\r \u0085\u00a0]"
        SPACE = "[\\t\\n\\v\\f\\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
        blank = re.compile(f"(?:{SPACE}|#[^\\n]*)*")
        start = re.compile(f"(?:export[\\t\\n\\f\\r ]{LINE_SPACE}*|(?!export[\\t\\n\\f\\r ]))([A-Za-z_][A-Za-z0-9_]*){LINE_SPACE}*[=:]{LINE_SPACE}*")
        single = re.compile(r"'((?:[^'\\]|\\.)*)'", re.S)
        double = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
        plain = re.compile("[^\\n]*")
        escape = re.compile(r'\\(?:([abfnrtv$"\\])|c|0\d{0,3})')
        letters = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$"}
        dollar = re.compile(r"\$(?:(\$)|[_a-z]|\{)", re.I)
        class Foreign(Exception): pass
        def substitute(text):
            def one(match):
                if not match[1]: raise Foreign
                return "$"
            return dollar.sub(one, text)
        def undo(match):
            if match[1] is None and match[0] != "\\c": raise Foreign
            return match[0] if match[1] is None else letters.get(match[1], match[1])
        def kept(text, quote):
            return re.sub(r"\\(.)", lambda match: quote if match[1] == quote else match[0], text, flags=re.S)
        def parse(text):
            variables, place = {}, 0
            text = text.removeprefix("\ufeff")
            while True:
                place = blank.match(text, place).end()
                if place == len(text): return variables
                name = start.match(text, place)
                if not name: return None
                place = name.end()
                quote = text[place:place + 1]
                if quote in ("'", '"') and quote:
                    inside = (single if quote == "'" else double).match(text, place)
                    if not inside: return None
                    value = kept(inside[1], quote)
                    if quote == '"': value = substitute(escape.sub(undo, value))
                else:
                    inside = plain.match(text, place)
                    value = re.sub(f"{SPACE}+\\Z", "", inside[0].split(" #", 1)[0])
                    value = substitute(value)
                variables[name[1]] = value
                place = inside.end()
        read = []
        for path in sys.argv[1:]:
            try:
                variables = parse(open(path, encoding="utf-8", newline="").read())
            except Foreign:
                variables = None
            read.append(variables and {name: value.encode().hex() for name, value in variables.items()})
        print(json.dumps(read))
        """#,
      ])
  }

  private static func lack(of program: String, _ arguments: [String], _ reason: String) -> String? {
    (try? run(program, arguments)) == nil ? reason : nil
  }

  private static let systemdLibrary: String? = {
    let find = """
      import ctypes, glob
      for path in glob.glob("/usr/lib/systemd/libsystemd-shared-*.so") + glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so"):
          try:
              ctypes.CDLL(path).load_env_file
          except (OSError, AttributeError):
              continue
          print(path, end="")
          break
      """
    let path = (try? run(python, ["-c", find])).map { String(decoding: $0, as: UTF8.self) }
    return path.flatMap { $0.isEmpty ? nil : $0 }
  }()
}
