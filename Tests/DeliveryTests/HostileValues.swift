import Delivery
import SecretBytes

/// The same values in every run, so that a failure can be looked at again.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

enum HostileValues {
  private static let fragments = [
    "'", "\"", "`", "\\", "\\\\", "\\'", "\\\"", "$", "${", "}", "${HOME}", "$HOME", "$(id)", "`id`", "\n", "\n\n",
    "\r", "\r\n",
    "\t", " ", "  ", "#", " #", "=", "==", "%", "%s", "!", "!!", ";", "&", "|", "<", ">", "(", ")", "*", "?", "[a]",
    "~", ":", ",",
    "\\n", "\\r", "\\t", "\\u0041", "\\x41", "\\0", "export A=b", "\nNAME='x'\n", "ä", "é", "漢字", "🔑", "👩‍👩‍👧", "\u{a0}",
    "\u{2028}",
    "\u{2029}", "\u{feff}", "\u{85}", "\u{3000}", "\u{fffe}", "\u{1fffe}",
    String(decoding: [0xef, 0xb7, 0x90] as [UInt8], as: UTF8.self), "\u{1}", "\u{7}", "\u{8}", "\u{b}", "\u{c}",
    "\u{1b}[0m",
    "\u{1c}", "\u{7f}", "\u{80}", "\u{81}", "\u{88}", "\u{9f}", "abc", "password", "x", "0", "true",
    "-----BEGIN KEY-----", "{\"a\":1}", "",
  ]

  static let fixed = [
    "", " ", "'", "\"", "\\", "\n", "\r", "\r\n", "\t", "#", "=", "$", "`", "!", "%", "~", "a'b", "it's", "'quoted'",
    "\"quoted\"", "`quoted`",
    " leading", "trailing ", "a # b", "a#b", "#a", "a\\", "a\\\\", "a\\\\b", "a\\nb", "'\\", "\"\\", "$HOME", "${HOME}",
    "${", "$$", "$(id)", "`id`",
    "a\nb", "a\n", "\na", "a\rb", "a\r", "a'b\"c", "a'b\"c#d", "a'b\"c\nd",
    "-----BEGIN KEY-----\nMIIB\n-----END KEY-----\n",
    "{\"type\":\"account\",\"key\":\"-----BEGIN\\nMII=\\n\"}", "{\n  \"a\": \"it's\"\n}", "p@ss'w\"o$r`d\\!#%",
    "C:\\new\\table", "\\\\host\\share", "x=y=z", "🔑", "ключ",
    "\u{fffe}", "\u{2028}'a'\u{2028}", "a\u{2028}'b'", "\u{feff}a", "null", "~/x", "a;id", "export", "a:b", "*",
  ]

  /// Values that `isCarried` takes, `count` of them: the fixed ones, some very long ones, and random mixtures.
  static func values(count: Int, seed: UInt64, where isCarried: (SecretBytes) -> Bool) -> [SecretBytes] {
    var generator = SeededGenerator(seed: seed)
    let long = ["x", "'", "\"", "\\", "$ ", "ab\n", "é"].map { String(repeating: $0, count: 60_000 / $0.utf8.count) }
    var values = (fixed + long).map { SecretBytes($0) }.filter(isCarried)
    var tries = 0
    while values.count < count, tries < 200 * count {
      tries += 1
      let length = Int.random(in: 1...12, using: &generator)
      let text = (0..<length).map { _ in fragments.randomElement(using: &generator) ?? "" }.joined()
      let value = SecretBytes(text)
      if isCarried(value) {
        values.append(value)
      }
    }
    return values
  }

  static func secrets(count: Int, seed: UInt64 = 1, format: EnvironmentFormat) -> [DeliveredSecret] {
    let carried = values(count: count, seed: seed) { value in
      (try? EnvironmentFile.render([DeliveredSecret(name: "NAME_0000", value: value)], format: format)) != nil
    }
    return carried.enumerated().map { place, value in
      DeliveredSecret(name: "NAME_" + String(10_000 + place).dropFirst(), value: value)
    }
  }
}

extension SecretBytes {
  var array: [UInt8] { withUnsafeBytes { Array($0) } }
}

extension [DeliveredSecret] {
  var byName: [String: [UInt8]] {
    Dictionary(map { ($0.name, $0.value.array) }) { $1 }
  }
}
