import CLibYAML
import JSONReader
import SecretBytes

/// Tabs that separate (YAML 1.2.2 §6.2) where libyaml takes none: behind `-`, `?` and `:`, on lines that are blank or hold a comment
/// alone, behind the spaces of an indentation. They become spaces, so that every place in the text stays what it was. Whether a block
/// collection begins behind one, which would be indentation (§6.1), is checked afterwards, on the text as it was written.
enum YAMLTabs {
  /// For each tab the text is read and copied anew, this many bytes in all: some 800 tabs in 20 KB, one in 16 MiB.
  private static let mostWork = 16 << 20

  static func separated(_ text: SecretBytes) -> SecretBytes {
    guard text.withUnsafeBytes({ $0.contains(UInt8(ascii: "\t")) }) else {
      return text
    }
    var text = text
    var work = 0
    while work <= mostWork, let tabs = text.withUnsafeBytes({ YAMLTokens(YAMLSource(bytes: $0)).untakenTabs() }) {
      work += text.count
      text = replaced(tabs, in: text)
    }
    return text
  }

  private static func replaced(_ tabs: Range<Int>, in text: SecretBytes) -> SecretBytes {
    var spaced = SecretBuffer(capacity: text.count)
    text.withUnsafeBytes { bytes in
      spaced.append(UnsafeRawBufferPointer(rebasing: bytes[..<tabs.lowerBound]))
      for _ in tabs {
        spaced.append(UInt8(ascii: " "))
      }
      spaced.append(UnsafeRawBufferPointer(rebasing: bytes[tabs.upperBound...]))
    }
    return spaced.finish()
  }
}

extension YAMLTokens {
  /// The white space that begins with the first tab at which libyaml stops although it separates; `nil` where there is none.
  consuming func untakenTabs() -> Range<Int>? {
    do throws(JSONFault) {
      while try next({ _, _ in }) {}
      return nil
    } catch {
      return untakenTabs(at: stop)
    }
  }

  private func untakenTabs(at stop: Stop?) -> Range<Int>? {
    guard let stop, stop.offset < source.bytes.count, source.bytes[stop.offset] == UInt8(ascii: "\t"),
      !stop.isBlockScalar
    else {
      return nil
    }
    let before = source.bytes[..<stop.offset]
    let lineStart = (before.lastIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") } ?? -1) + 1
    let indentation = before[lineStart...]
    let text = source.bytes[stop.offset...].drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
    let separates =
      switch text.first {
      case nil, UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "#"): true
      default:
        !stop.isPlainScalar
          && (indentation.count > stop.indent || indentation.contains { $0 != UInt8(ascii: " ") })
      }
    return separates ? stop.offset..<text.startIndex : nil
  }
}
