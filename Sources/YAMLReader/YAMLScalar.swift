import SecretBytes

/// What a plain scalar is in the YAML 1.2 core schema (§10.3.2), read in place.
enum YAMLScalar {
  case null
  case boolean(Bool)
  /// Hexadecimal or octal.
  case integer(UInt64)
  case number(YAMLNumber)
  case string
  /// A number that has no JSON form, or no single meaning; and why.
  case unusable(String)

  init(resolving text: UnsafeRawBufferPointer) {
    guard let first = text.first else {
      self = .null
      return
    }
    switch first {
    case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"):
      self = Self.isOne(of: ["~", "null", "Null", "NULL"], text) ? .null : .string
    case UInt8(ascii: "t"), UInt8(ascii: "T"):
      self = Self.isOne(of: ["true", "True", "TRUE"], text) ? .boolean(true) : .string
    case UInt8(ascii: "f"), UInt8(ascii: "F"):
      self = Self.isOne(of: ["false", "False", "FALSE"], text) ? .boolean(false) : .string
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"):
      self = Self.number(text)
    default:
      self = .string
    }
  }

  private static func number(_ text: UnsafeRawBufferPointer) -> YAMLScalar {
    if text.count > 2, text[0] == UInt8(ascii: "0") {
      switch text[1] {
      case UInt8(ascii: "x"): return integer(text.dropFirst(2), bits: 4)
      case UInt8(ascii: "o"): return integer(text.dropFirst(2), bits: 3)
      default: break
      }
    }
    if isOne(
      of: [".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN"], text)
    {
      return .unusable("infinity and not-a-number have no JSON form; quote the text")
    }
    guard let number = YAMLNumber(text) else {
      return .string
    }
    if number.integer.count > 1, text[number.integer.lowerBound] == UInt8(ascii: "0") {
      return .unusable("a number with a leading zero is octal to some and decimal to others; quote it, or write 0o…")
    }
    return .number(number)
  }

  private static func integer(_ digits: Slice<UnsafeRawBufferPointer>, bits: Int) -> YAMLScalar {
    var value: UInt64 = 0
    var isTooLarge = false
    for byte in digits {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "7"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "8")...UInt8(ascii: "9") where bits == 4: digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f") where bits == 4: digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F") where bits == 4: digit = byte - UInt8(ascii: "A") + 10
      default: return .string
      }
      isTooLarge = isTooLarge || value >> UInt64(64 - bits) != 0
      value = value << UInt64(bits) | UInt64(digit)
    }
    return isTooLarge ? .unusable("the integer needs more than 64 bits; quote it") : .integer(value)
  }

  private static func isOne(of words: [StaticString], _ text: UnsafeRawBufferPointer) -> Bool {
    words.contains { word in
      text.elementsEqual(UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }
  }
}

/// A decimal number of the core schema: `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`.
struct YAMLNumber {
  let isNegative: Bool
  let integer: Range<Int>
  /// The digits after the point; `nil` without a point.
  let fraction: Range<Int>?
  /// From the `e` on.
  let exponent: Range<Int>?

  init?(_ text: UnsafeRawBufferPointer) {
    let sign = text.first
    isNegative = sign == UInt8(ascii: "-")
    let start = isNegative || sign == UInt8(ascii: "+") ? 1 : 0
    var index = Self.endOfDigits(text, from: start)
    integer = start..<index
    if index < text.count, text[index] == UInt8(ascii: ".") {
      let end = Self.endOfDigits(text, from: index + 1)
      fraction = (index + 1)..<end
      index = end
    } else {
      fraction = nil
    }
    guard !integer.isEmpty || fraction.map({ !$0.isEmpty }) == true else {
      return nil
    }
    if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
      let mark = index
      index += 1
      if index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") {
        index += 1
      }
      let end = Self.endOfDigits(text, from: index)
      guard end > index else {
        return nil
      }
      exponent = mark..<end
      index = end
    } else {
      exponent = nil
    }
    guard index == text.count else {
      return nil
    }
  }

  var isInteger: Bool { fraction == nil && exponent == nil }

  /// Appends the number with its own digits, as JSON has it: no `+`, a digit on both sides of the point.
  func append(_ text: UnsafeRawBufferPointer, to json: inout SecretBuffer) {
    if isNegative {
      json.append("-" as StaticString)
    }
    json.append(integer.isEmpty ? Self.zero : UnsafeRawBufferPointer(rebasing: text[integer]))
    if let fraction {
      json.append("." as StaticString)
      json.append(fraction.isEmpty ? Self.zero : UnsafeRawBufferPointer(rebasing: text[fraction]))
    }
    if let exponent {
      json.append(UnsafeRawBufferPointer(rebasing: text[exponent]))
    }
  }

  private static var zero: UnsafeRawBufferPointer {
    let digit: StaticString = "0"
    return UnsafeRawBufferPointer(start: digit.utf8Start, count: 1)
  }

  private static func endOfDigits(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var index = start
    while index < text.count, case UInt8(ascii: "0")...UInt8(ascii: "9") = text[index] {
      index += 1
    }
    return index
  }
}
