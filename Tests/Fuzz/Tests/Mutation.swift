/// Changes of an input, the same in every run: what is cut off, a byte that is another, a part that is left out, repeated or taken
/// from another input.
struct Mutation {
  private var generator: SeededGenerator
  private let others: [[UInt8]]

  init(seed: UInt64, others: [[UInt8]]) {
    generator = SeededGenerator(state: seed)
    self.others = others
  }

  mutating func changed(_ input: [UInt8]) -> [UInt8] {
    var bytes = input
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      change(&bytes)
    }
    return bytes
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    let part = part(of: bytes.count)
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: bytes.removeSubrange(part.lowerBound...)
    case 1: bytes.removeSubrange(part)
    case 2: bytes.insert(contentsOf: bytes[part], at: part.lowerBound)
    case 3:
      let other = others.randomElement(using: &generator) ?? []
      bytes.insert(contentsOf: other[self.part(of: other.count)], at: part.lowerBound)
    default:
      for place in part.prefix(Int.random(in: 1...3, using: &generator)) {
        bytes[place] = Self.telling.randomElement(using: &generator) ?? 0
      }
    }
  }

  /// Bytes that grammars tell apart, and some that are no text.
  private static let telling: [UInt8] =
    Array("\0\t\n\r \"#$%&'(),-./019:;<=>@AZ[\\]_`az{|}~".utf8) + [0x7f, 0x80, 0xc3, 0xed, 0xff]

  private mutating func part(of count: Int) -> Range<Int> {
    let one = Int.random(in: 0...count, using: &generator)
    let other = min(one + Int.random(in: 0...32, using: &generator), count)
    return one..<other
  }
}

private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
