import Glibc
import SecretBytes

/// The names of one object on the tape, while the scanner closes it.
struct JSONNames {
  let bytes: UnsafeRawBufferPointer
  let words: ContiguousArray<JSONWord>
  /// Index of the object's first word.
  let object: Int

  /// Index of the first name in document order that equals an earlier one. Linear in the object's size: hashes are seeded by
  /// the process, so that names cannot be chosen to collide.
  func firstDuplicate() -> Int? {
    let count = words[object + 1].second
    return count <= 8 ? firstDuplicateByPairs() : firstDuplicateByHash(count)
  }

  private func firstDuplicateByPairs() -> Int? {
    let end = words[object].second
    var name = object + 2
    while name < end {
      var earlier = object + 2
      while earlier < name {
        if areEqual(earlier, name) {
          return name
        }
        earlier = nextName(earlier)
      }
      name = nextName(name)
    }
    return nil
  }

  /// An open-addressed table; an entry is 32 bits of hash above 32 bits of word index, and 0 where free (no name is word 0).
  private func firstDuplicateByHash(_ count: Int) -> Int? {
    let end = words[object].second
    let size = 1 << (Int.bitWidth - count.leadingZeroBitCount + 1)
    var table = ContiguousArray<UInt64>(repeating: 0, count: size)
    var name = object + 2
    while name < end {
      let hash = UInt64(truncatingIfNeeded: hash(name))
      let tag = hash & 0xffff_ffff_0000_0000
      var slot = Int(truncatingIfNeeded: hash) & (size - 1)
      while table[slot] != 0 {
        let entry = table[slot]
        if entry & 0xffff_ffff_0000_0000 == tag, areEqual(Int(entry & 0xffff_ffff), name) {
          return name
        }
        slot = (slot + 1) & (size - 1)
      }
      table[slot] = tag | UInt64(name)
      name = nextName(name)
    }
    return nil
  }

  private func nextName(_ name: Int) -> Int {
    let value = words[name + 1]
    return value.isContainer ? value.second : name + 2
  }

  private func hash(_ name: Int) -> Int {
    var hasher = Hasher()
    if words[name].kind == .escapedString {
      JSONEscapes.decode(inside(name)).withUnsafeBytes { hasher.combine(bytes: $0) }
    } else {
      hasher.combine(bytes: inside(name))
    }
    return hasher.finalize()
  }

  private func areEqual(_ one: Int, _ other: Int) -> Bool {
    let (left, right) = (inside(one), inside(other))
    let kinds = (words[one].kind, words[other].kind)
    if kinds == (.string, .string) || kinds.0 == .brokenString || kinds.1 == .brokenString {
      return left.equals(right)
    }
    return JSONEscapes.decode(left) == JSONEscapes.decode(right)
  }

  private func inside(_ name: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[(words[name].first + 1)..<(words[name].second - 1)])
  }
}

extension UnsafeRawBufferPointer {
  /// For names, which are no secrets: not in constant time.
  func equals(_ other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count, let base = baseAddress, let otherBase = other.baseAddress else {
      return count == other.count
    }
    return memcmp(base, otherBase, count) == 0
  }
}
