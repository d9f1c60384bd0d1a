import Foundation
import TestSupport

/// Debian's Chromium without a display (`make setup` installs it), in a profile of its own. It reaches the loopback interface only.
struct Browser {
  /// What a page did.
  struct Visit: Decodable {
    struct Row: Decodable {
      let classes: String
      let cells: [String]
    }

    /// Rows of the bodies of its tables, in order, by the `id` of the heading that labels the table.
    let tables: [String: [Row]]
    /// Every element that the page became, by its name.
    let elements: [String: Int]
    /// Attributes that load, run or lay out anything, as `img src`.
    let reaching: [String]
    /// Addresses that the page asked for by itself.
    let asked: [String]
    /// Lines of the console: errors of scripts, violations of the Content-Security-Policy.
    let console: [String]
    let text: String
  }

  /// A picture of a page.
  struct Picture: Decodable {
    let width: Int
    let height: Int
    /// How many colours it has.
    let colors: Int
    /// The share of the most frequent one.
    let background: Double
    /// Pixels of each that has a hundred or more, by its digits: `1a7f4b`.
    let pixels: [String: Int]
  }

  let folder: ScratchFolder

  private func run(_ arguments: [String]) async throws -> Outcome {
    let command =
      [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
        "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=\(folder.fresh("profile").path)",
      ] + arguments
    let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": folder.path]
    let outcome = try await Run(command, environment: environment, folder: folder).outcome()
    guard outcome.status == 0 else {
      throw Broken("chromium: \(outcome.said)")
    }
    return outcome
  }

  func visit(_ address: String) async throws -> Visit {
    let requests = folder.fresh("requests").path
    let outcome = try await run(["--log-net-log=\(requests)", "--dump-dom", address])
    let page = folder.fresh("page").lastPathComponent
    try folder.write(outcome.outputText, as: page)
    let console = folder.fresh("console").lastPathComponent
    try folder.write(outcome.errorText, as: console)
    let told = try Python.run(Self.reader, [folder.file(page).path, requests, folder.file(console).path])
    return try JSONDecoder().decode(Visit.self, from: Data(told.utf8))
  }

  /// Takes a picture of `width` × `height` pixels into `file`.
  func picture(of address: String, _ width: Int, _ height: Int, file: String) async throws -> Picture {
    _ = try await run(["--window-size=\(width),\(height)", "--hide-scrollbars", "--screenshot=\(file)", address])
    return try JSONDecoder().decode(Picture.self, from: Data(try Python.run(Self.decoder, [file]).utf8))
  }

  /// How wide `page`, a whole text of HTML, gets where there are `width` pixels for it: more, and it has to be scrolled sideways. In a frame,
  /// since Chromium's own window is never as narrow as a telephone.
  func scrollWidth(of page: String, at width: Int) async throws -> Int? {
    let text = String(decoding: try JSONEncoder().encode(page), as: UTF8.self).replacing("<", with: "\\u003c")
    let frame = try folder.write(
      """
      <!DOCTYPE html><meta charset="utf-8"><body><iframe id="frame" width="\(width)" height="700"></iframe><script>
      const page = document.getElementById("frame").contentDocument;
      page.open(); page.write(\(text)); page.close();
      document.body.dataset.width = page.documentElement.scrollWidth;
      </script>
      """, as: "\(folder.fresh("frame").lastPathComponent).html")
    let outcome = try await run(["--hide-scrollbars", "--dump-dom", "file://\(frame)"])
    return outcome.outputText.firstMatch(of: /data-width="(\d+)"/).flatMap { Int($0.1) }
  }

  // MARK: - Readers that share no code with what wrote the page

  private static let reader = #"""
    import html.parser, json, re, sys
    class Page(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.tables, self.elements, self.reaching, self.text = {}, {}, [], []
            self.table = self.cell = None
            self.in_body = self.in_style = False
        def handle_starttag(self, tag, pairs):
            self.elements[tag] = self.elements.get(tag, 0) + 1
            self.in_style = tag in ("style", "script")
            for name, value in pairs:
                if name in ("src", "href", "srcset", "action", "data", "style", "background", "poster") or name.startswith("on"):
                    self.reaching.append(f"{tag} {name}")
            attributes = dict(pairs)
            if tag == "table":
                self.table = self.tables.setdefault(attributes.get("aria-labelledby", ""), [])
            elif tag == "tbody":
                self.in_body = True
            elif tag == "tr" and self.in_body:
                self.table.append({"classes": attributes.get("class", ""), "cells": []})
            elif tag in ("td", "th") and self.in_body:
                self.table[-1]["cells"].append("")
                self.cell = self.table[-1]["cells"]
        def handle_endtag(self, tag):
            if tag == "tbody":
                self.in_body = False
            elif tag in ("td", "th"):
                self.cell = None
            elif tag in ("style", "script"):
                self.in_style = False
        def handle_data(self, data):
            if not self.in_style:
                self.text.append(data)
            if self.cell is not None:
                self.cell[-1] += data
    page = Page()
    page.feed(open(sys.argv[1], encoding="utf-8").read())
    page.close()
    started = [event.get("params", {}) for event in json.load(open(sys.argv[2]))["events"]]
    asked = [one["url"] for one in started if one.get("initiator", "not an origin") != "not an origin" and "url" in one]
    console = [line for line in open(sys.argv[3], errors="replace") if re.search(r":CONSOLE[:(]", line)]
    print(json.dumps({"tables": page.tables, "elements": page.elements, "reaching": page.reaching, "asked": asked,
                      "console": console, "text": "".join(page.text)}))
    """#

  /// PNG (RFC 2083): eight bits a channel, not interlaced, as Chromium writes it.
  private static let decoder = #"""
    import collections, json, struct, sys, zlib
    data = open(sys.argv[1], "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, packed = 8, b""
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place:place + 8])
        body = data[place + 8:place + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[place + 8 + length:place + 12 + length])[0]
        place += 12 + length
        if kind == b"IHDR":
            width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
    assert depth == 8 and color in (2, 6) and interlaced == 0
    step = 3 if color == 2 else 4
    raw, size, above = zlib.decompress(packed), width * step, bytearray(width * step)
    colors = collections.Counter()
    for row in range(height):
        start = row * (size + 1)
        kind, line = raw[start], bytearray(raw[start + 1:start + 1 + size])
        for i in range(size):
            left = line[i - step] if i >= step else 0
            up, corner = above[i], above[i - step] if i >= step else 0
            if kind == 1:
                line[i] = (line[i] + left) & 255
            elif kind == 2:
                line[i] = (line[i] + up) & 255
            elif kind == 3:
                line[i] = (line[i] + (left + up) // 2) & 255
            elif kind == 4:
                near = min((abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner))
                line[i] = (line[i] + near[2]) & 255
        colors.update(bytes(line[i:i + 3]) for i in range(0, size, step))
        above = line
    print(json.dumps({"width": width, "height": height, "colors": len(colors),
                      "background": max(colors.values()) / (width * height),
                      "pixels": {color.hex(): count for color, count in colors.items() if count >= 100}}))
    """#
}
