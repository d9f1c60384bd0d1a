import Synchronization

/// Runs `work` for every input with at most `limit` at once, and returns the outputs in the inputs' order.
///
/// A few workers take the inputs in turn; a task for each input would cost memory that 10,000 waiting tasks do not earn.
public func inOrder<Input: Sendable, Output: Sendable>(
  _ inputs: [Input], atMost limit: Int, _ work: @escaping @Sendable (Input) async -> Output
) async -> [Output] {
  let cursor = Cursor(count: inputs.count)
  let workers = min(max(limit, 1), inputs.count)
  var outputs = [Output?](repeating: nil, count: inputs.count)
  await withTaskGroup(of: [(Int, Output)].self) { group in
    for _ in 0..<workers {
      group.addTask {
        var done: [(Int, Output)] = []
        while let index = cursor.next() {
          done.append((index, await work(inputs[index])))
        }
        return done
      }
    }
    for await part in group {
      for (index, output) in part {
        outputs[index] = output
      }
    }
  }
  return outputs.compactMap { $0 }
}

private final class Cursor: Sendable {
  private let position = Mutex(0)
  private let count: Int

  init(count: Int) {
    self.count = count
  }

  func next() -> Int? {
    position.withLock { position in
      guard position < count else {
        return nil
      }
      defer { position += 1 }
      return position
    }
  }
}
