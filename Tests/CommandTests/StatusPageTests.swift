import Foundation
import Glibc
import TestSupport
import Testing

/// The page of `GET /` on the metrics listener, in the browser that an operator would look at it with.
@Suite(.serialized, .enabled(if: Python.path != nil, "\(Python.absence)"), .timeLimit(.minutes(20)))
struct StatusPageTests {
  private struct Scene {
    let fakes: Fakes
    let daemon: RunningDaemon
    let run: Run
    let page: String

    func end() { run.send(SIGTERM) }
  }

  private func scene(_ documents: (String) -> KeyValuePairs<String, JSON>) async throws -> Scene {
    let fakes = try Fakes()
    for path in ["db", "api", "mail"] {
      let fields = ["user", "password", "host", "port", "name", "key", "token"]
      try await fakes.put(
        "secret", "shop/\(path)", .object(fields.map { ($0, .string("value-of-\(path)-\($0)")) }))
    }
    let metrics = "127.0.0.1:\(try freePorts(inARow: 1))"
    let daemon = try RunningDaemon(api: "metrics_address: \"\(metrics)\"")
    for (id, document) in documents(fakes.address) {
      try daemon.drop(document, as: id)
    }
    return Scene(fakes: fakes, daemon: daemon, run: try daemon.start(), page: "http://\(metrics)/")
  }

  /// Three executions with 20 secrets each.
  private func sixty(_ address: String) -> KeyValuePairs<String, JSON> {
    func entries(_ id: String) -> JSON {
      let paths = ["db", "api", "mail"]
      let fields = ["user", "password", "host", "port", "name", "key", "token"]
      // The one that fails later on: by one path in two executions, by another in the third.
      let failing = id == "worker" ? kv2("web/api", "key") : kv2("web/db", "password")
      var all: [(key: String, value: JSON)] = [("LICENSE_KEY", failing)]
      for path in paths {
        all += fields.map { field in ("\(path)_\(field)".uppercased(), kv2("shop/\(path)", field)) }
      }
      return .object([
        ("secret_providers", .object([("vault", vault(address))])), ("secrets", .object(Array(all.prefix(20)))),
      ])
    }
    return ["api": entries("api"), "shop": entries("shop"), "worker": entries("worker")]
  }

  private func curl(_ scene: Scene, _ arguments: String...) async throws -> Outcome {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return try await Run(
      ["curl", "--disable", "--silent", "--include", "--noproxy", "*"] + arguments, environment: ["PATH": path],
      folder: scene.daemon.folder
    ).outcome()
  }

  @Test func ofSixtySecretsTheThreeThatFailAreOnTop() async throws {
    let scene = try await scene(sixty)
    defer { scene.end() }
    #expect(
      try await scene.daemon.reach(scene.run) {
        ["api", "shop", "worker"].allSatisfy { scene.daemon.generation(of: $0) != nil }
      })
    try await scene.fakes.add("status", .literal("503"), on: "GET /v1/secret/data/web/db")
    try await scene.fakes.add("status", .literal("404"), on: "GET /v1/secret/data/web/api")
    _ = try await scene.daemon.command("refresh")
    #expect(
      try await scene.daemon.reach(scene.run) {
        try await curl(scene, scene.page).outputText.components(separatedBy: "<tr role=\"row\" class=\"failing\">")
          .count == 4
      })

    let browser = Browser(folder: scene.daemon.folder)
    let visit = try await browser.visit(scene.page)
    let rows = visit.tables["secrets"] ?? []
    #expect(rows.count == 60)
    #expect(rows.prefix(3).allSatisfy { $0.classes == "failing" && $0.cells.first?.hasPrefix("LICENSE_KEY") == true })
    #expect(rows.dropFirst(3).allSatisfy { $0.classes == "live" && $0.cells.count == 8 })
    #expect(visit.tables["executions"]?.map(\.cells.count) == [7, 7, 7])
    #expect(visit.text.contains("60 secrets") && visit.text.contains("2 secrets (api/LICENSE_KEY, shop/LICENSE_KEY)"))
    #expect(!visit.text.contains("value-of-") && !visit.text.contains("correct horse"))
    // Nothing from elsewhere, nothing that runs, and nothing that the page's own policy had to stop.
    let origin = scene.page
    #expect(visit.reaching.isEmpty && visit.elements["script"] == nil && visit.elements["link"] == nil)
    #expect(visit.asked.allSatisfy { $0.hasPrefix(origin) }, "\(visit.asked)")
    #expect(visit.console.isEmpty, "\(visit.console)")

    for (width, height) in [(1280, 900), (600, 900)] {
      let picture = try await browser.picture(
        of: scene.page, width, height, file: scene.daemon.folder.file("\(width).png").path)
      #expect(picture.colors > 60 && picture.background < 0.95, "\(picture)")
      // The style was let in by its hash: the bars have its green and its red, and the page its grey.
      for color in ["1a7f4b", "c02b26", "f4f6f8"] {
        #expect(picture.pixels[color] ?? 0 > 300, "\(color): \(picture)")
      }
      #expect(picture.width == width && picture.height == height)
    }
    // As narrow as a telephone, it is read without being scrolled sideways.
    let text = try await curl(scene, "--no-include", scene.page).outputText
    #expect(try await browser.scrollWidth(of: text, at: 360) == 360)
  }

  /// What is on the page cannot be told from what a page would do that loads and runs things, unless this one is told.
  @Test func theBrowserTellsWhatAPageDoes() async throws {
    let folder = try ScratchFolder()
    let page = try folder.write(
      "<!DOCTYPE html><title>x</title><img src=\"http://elsewhere.invalid/x.png\"><script>console.error('seen')</script>",
      as: "page.html")
    let visit = try await Browser(folder: folder).visit("file://\(page)")
    #expect(visit.asked.contains("http://elsewhere.invalid/x.png"))
    #expect(visit.console.contains { $0.contains("seen") })
    #expect(visit.reaching == ["img src"] && visit.elements["script"] == 1)
    let blank = try folder.write("<!DOCTYPE html><title>x</title>", as: "blank.html")
    let picture = try await Browser(folder: folder).picture(
      of: "file://\(blank)", 640, 480, file: folder.file("blank.png").path)
    #expect(picture.colors == 1 && picture.background == 1)
    let wide = "<!DOCTYPE html><title>x</title><pre>\(String(repeating: "x", count: 300))</pre>"
    #expect(try await Browser(folder: folder).scrollWidth(of: wide, at: 360) ?? 0 > 1000)
  }

  @Test func namesThatAreMarkupStayNames() async throws {
    let hostile =
      "web/\(String(repeating: "w", count: 200))<img src=x onerror=alert(1)></style><script>console.error('run')</script>\"'&"
    let scene = try await scene { address in
      let document: JSON = [
        "id": "<script>console.error('run')</script>", "job_id": "</title><script>console.error('run')</script>",
        "namespace": "\"><iframe src=//elsewhere.invalid>",
        "job_spec": .object([
          ("secret_providers", .object([("</td><b onclick=x>", vault(address))])),
          (
            "secrets",
            .object([
              ("KEY", kv2(hostile, "key").with([("from", .string("</td><b onclick=x>"))]))
            ])
          ),
        ]),
      ]
      return ["hostile": document]
    }
    defer { scene.end() }
    #expect(
      try await scene.daemon.reach(scene.run) {
        try await curl(scene, scene.page).outputText.contains("console.error")
      })
    let visit = try await Browser(folder: scene.daemon.folder).visit(scene.page)
    #expect(visit.text.contains("<script>console.error('run')</script>"))
    #expect(visit.reaching.isEmpty, "\(visit.reaching)")
    for name in ["script", "img", "iframe"] {
      #expect(visit.elements[name] == nil)
    }
    #expect(visit.elements["title"] == 1 && visit.elements["style"] == 1)
    #expect(visit.console.isEmpty, "\(visit.console)")
    #expect(visit.asked.allSatisfy { $0.hasPrefix(scene.page) }, "\(visit.asked)")
    let text = try await curl(scene, "--no-include", scene.page).outputText
    #expect(try await Browser(folder: scene.daemon.folder).scrollWidth(of: text, at: 360) == 360)
  }

  @Test func thePageIsForThisMachinesBrowsersAlone() async throws {
    let scene = try await scene { ["web": demo($0)] }
    defer { scene.end() }
    #expect(try await scene.daemon.reach(scene.run) { scene.daemon.generation(of: "web") != nil })
    let page = try await curl(scene, scene.page)
    let head = page.outputText.components(separatedBy: "\r\n\r\n").first ?? ""
    #expect(head.hasPrefix("HTTP/1.1 200 "), page.said)
    for line in [
      "Content-Type: text/html; charset=utf-8", "Cache-Control: no-store", "X-Content-Type-Options: nosniff",
      "Referrer-Policy: no-referrer", "Cross-Origin-Resource-Policy: same-origin",
    ] {
      #expect(head.contains(line + "\r\n"), "\(line): \(head)")
    }
    let policy = head.firstMatch(of: /Content-Security-Policy: (.*?)\r\n/).map { String($0.1) } ?? ""
    #expect(policy.hasPrefix("default-src 'none'; style-src 'sha256-") && policy.hasSuffix("frame-ancestors 'none'"))
    #expect(!policy.contains("unsafe") && !policy.contains("*") && !policy.contains("http"))
    // DNS rebinding: a name of somebody else's that leads here.
    for route in ["", "metrics", "readyz"] {
      for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil"] {
        let foreign = try await curl(scene, "--header", "Host: \(host)", scene.page + route)
        #expect(foreign.outputText.hasPrefix("HTTP/1.1 403 "), foreign.said)
        #expect(!foreign.outputText.contains("DB_PASSWORD"))
      }
      let own = try await curl(scene, "--header", "Host: localhost:9465", scene.page + route)
      #expect(own.outputText.hasPrefix("HTTP/1.1 200 "), own.said)
    }
    #expect(try await curl(scene, "--head", scene.page).outputText.contains("Content-Length: "))
    #expect(try await curl(scene, "--data", "x=1", scene.page).outputText.hasPrefix("HTTP/1.1 413 "))
    #expect(try await curl(scene, "--request", "DELETE", scene.page).outputText.contains("Allow: GET, HEAD\r\n"))
    #expect(try await curl(scene, "\(scene.page)favicon.ico").outputText.hasPrefix("HTTP/1.1 404 "))
    #expect(try await curl(scene, "\(scene.page)v1/status").outputText.hasPrefix("HTTP/1.1 404 "))
  }
}
