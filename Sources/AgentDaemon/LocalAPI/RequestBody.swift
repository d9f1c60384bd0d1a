import SecretBytes

/// Takes a body out of the bytes that follow the head: by its length, or in chunks (RFC 9112 §7.1). Never keeps more than the limit.
struct RequestBody: ~Copyable {
  private enum Step: Equatable {
    /// So many bytes of the body, then the end.
    case counted(Int)
    case sizeDigits(count: Int, size: Int)
    case sizeExtension(size: Int)
    case sizeLineFeed(size: Int)
    case chunk(Int)
    case chunkReturn
    case chunkLineFeed
    case trailer(isEmpty: Bool)
    case trailerLineFeed(isEmpty: Bool)
    case done
  }

  private var step: Step
  private var bytes = SecretBuffer()
  private let limit: Int
  /// Bytes of chunk extensions and trailers so far, which are read over.
  private var ignored = 0

  private static let mostIgnored = 4096
  private static let tooLarge = RequestFault(status: 413, reason: "the request's body is too large")
  private static let malformed = RequestFault.bad("the request's chunks are malformed")

  init(_ kind: RequestHead.Body, limit: Int) throws(RequestFault) {
    self.limit = limit
    switch kind {
    case .none, .length(0): step = .done
    case .length(let count):
      guard count <= limit else {
        throw Self.tooLarge
      }
      step = .counted(count)
    case .chunked: step = .sizeDigits(count: 0, size: 0)
    }
  }

  var isDone: Bool { step == .done }

  /// Takes what belongs to the body. What comes behind it is left out: there is one request a connection.
  mutating func take(_ input: UnsafeRawBufferPointer) throws(RequestFault) {
    var rest = input[...]
    while !isDone, !rest.isEmpty {
      switch step {
      case .counted(let left):
        let count = keep(&rest, atMost: left)
        step = count == left ? .done : .counted(left - count)
      case .chunk(let left):
        let count = keep(&rest, atMost: left)
        step = count == left ? .chunkReturn : .chunk(left - count)
      default:
        if let byte = rest.popFirst() {
          step = try next(byte)
        }
      }
    }
  }

  consuming func finish() -> SecretBytes {
    bytes.finish()
  }

  private mutating func keep(_ rest: inout Slice<UnsafeRawBufferPointer>, atMost count: Int) -> Int {
    let part = rest.prefix(count)
    bytes.append(UnsafeRawBufferPointer(rebasing: part))
    rest = rest.dropFirst(part.count)
    return part.count
  }

  /// The step after one byte of what frames the chunks.
  private mutating func next(_ byte: UInt8) throws(RequestFault) -> Step {
    let isReturn = byte == 0x0d
    let isLineFeed = byte == 0x0a
    switch step {
    case .sizeDigits(let count, let size):
      return try nextOfSize(byte, count, size)
    case .sizeExtension(let size):
      if isReturn {
        return .sizeLineFeed(size: size)
      }
      try ignore(byte)
      return .sizeExtension(size: size)
    case .sizeLineFeed(let size) where isLineFeed:
      return size == 0 ? .trailer(isEmpty: true) : .chunk(size)
    case .chunkReturn where isReturn:
      return .chunkLineFeed
    case .chunkLineFeed where isLineFeed:
      return .sizeDigits(count: 0, size: 0)
    case .trailer(let isEmpty):
      if isReturn {
        return .trailerLineFeed(isEmpty: isEmpty)
      }
      try ignore(byte)
      return .trailer(isEmpty: false)
    case .trailerLineFeed(let isEmpty) where isLineFeed:
      return isEmpty ? .done : .trailer(isEmpty: true)
    default:
      throw Self.malformed
    }
  }

  private mutating func nextOfSize(_ byte: UInt8, _ count: Int, _ size: Int) throws(RequestFault) -> Step {
    if let digit = hexadecimal(byte) {
      // More digits than any size here has; leading zeros have no end either.
      guard count < 8 else {
        throw Self.tooLarge
      }
      return .sizeDigits(count: count + 1, size: size << 4 | Int(digit))
    }
    guard count > 0 else {
      throw Self.malformed
    }
    guard size <= limit - bytes.count else {
      throw Self.tooLarge
    }
    switch byte {
    case 0x0d: return .sizeLineFeed(size: size)
    case UInt8(ascii: ";"): return .sizeExtension(size: size)
    default: throw Self.malformed
    }
  }

  /// One byte of an extension or a trailer: no control character, and not without end.
  private mutating func ignore(_ byte: UInt8) throws(RequestFault) {
    guard byte >= 0x20 || byte == 0x09, byte != 0x7f else {
      throw Self.malformed
    }
    ignored += 1
    guard ignored <= Self.mostIgnored else {
      throw RequestFault(status: 431, reason: "the request's chunk extensions and trailers are too large")
    }
  }
}
