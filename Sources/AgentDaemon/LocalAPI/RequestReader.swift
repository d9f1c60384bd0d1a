import SecretBytes

/// Puts a request together from what a connection brings, piece by piece.
struct RequestReader: ~Copyable {
  private var headBytes = SecretBuffer()
  /// How much of the CRLF CRLF that ends the head came last.
  private var ending = 0
  private let headLimit: Int
  private(set) var head: RequestHead?
  private var body: RequestBody?

  init(headLimit: Int) {
    self.headLimit = headLimit
  }

  var isEmpty: Bool { headBytes.count == 0 && head == nil }

  /// Whether the request is whole.
  private(set) var isDone = false

  /// Takes the next bytes. `admit` is asked once, with the head and before anything of the body is kept, how large the body may be;
  /// what it throws refuses the request.
  mutating func take(
    _ input: UnsafeRawBufferPointer, admit: (RequestHead) throws(RequestFault) -> Int
  ) throws(RequestFault) {
    var rest = input[...]
    if head == nil {
      try takeHead(&rest)
      guard ending == 4 else {
        return
      }
      let taken = exchange(&headBytes, with: SecretBuffer())
      let head = try RequestHead(taken.finish())
      body = try RequestBody(head.body, limit: try admit(head))
      self.head = head
    }
    guard var body = body.take() else {
      return
    }
    try body.take(UnsafeRawBufferPointer(rebasing: rest))
    isDone = body.isDone
    self.body = consume body
  }

  /// The body, once the request is whole.
  mutating func takeBody() -> SecretBytes {
    guard let body = body.take() else {
      return SecretBytes()
    }
    return body.finish()
  }

  private mutating func takeHead(_ rest: inout Slice<UnsafeRawBufferPointer>) throws(RequestFault) {
    while ending < 4, let byte = rest.popFirst() {
      guard headBytes.count < headLimit else {
        throw RequestFault(status: 431, reason: "the request's headers are too large")
      }
      headBytes.append(byte)
      switch byte {
      case 0x0d: ending = ending == 2 ? 3 : 1
      case 0x0a where ending == 1 || ending == 3: ending += 1
      // At once, and not when the CRLF CRLF has come that such a client may never send.
      case 0x0a: throw .bad("the request's head holds a line that does not end in CRLF")
      default: ending = 0
      }
    }
  }
}
