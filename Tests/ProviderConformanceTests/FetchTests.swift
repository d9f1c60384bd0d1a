import TestSupport
import Testing

@Suite(.timeLimit(.minutes(15))) struct FetchTests {
  @Test(arguments: ProviderUnderTest.all)
  func resultsComeInTheOrderOfTheLookups(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      // Both ways round, the same one twice, and with gaps where the type has names that nothing is behind.
      await connected.read([3, 1, 2, 0, 1, 1, 7, 3])
      await connected.read(Scene.numbers.reversed().map { $0 })
      if type.hasNames {
        await connected.read([0, nil, 1, nil, 2, 1, nil, 0])
        await connected.read([nil])
      }
      await connected.read([Int?]())
    }
  }

  @Test(arguments: ProviderUnderTest.batching)
  func manyLookupsTakeAsFewCallsAsTheBatchAllows(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      let size = type.descriptor.batchSize
      for count in [2, size, size + 2, 3 * size] {
        scene.wire.forget()
        await connected.read(0..<count, "\(count) lookups")
        #expect(scene.sent(.batch) == (count + size - 1) / size, "\(count) lookups")
        #expect(scene.sent(.value) == 0, "\(count) lookups")
      }
    }
  }

  @Test(arguments: ProviderUnderTest.batching)
  func whereABatchIsRefusedEachIsAskedForByItself(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      scene.store.refuseBatches()
      let connected = try scene.connect()
      let count = 2 * type.descriptor.batchSize + 3
      for round in 1...2 {
        scene.wire.forget()
        await connected.read(0..<count, "round \(round)")
        #expect(scene.sent(.value) == count, "round \(round)")
        #expect(scene.sent(.batch) <= 3, "round \(round)")
      }
      if type.hasNames {
        await connected.read([0, nil, 1])
      }
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func aCancelledFetchEndsAndTheNextOneWorks(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      // Before there is a login, and after.
      for round in 1...2 {
        scene.wire.rule { _ in .silent }
        let fetch = Task(executorPreference: scene.loop) { await connected.fetch(0..<25) }
        while scene.wire.waiting == 0 {
          await Task.yield()
        }
        fetch.cancel()
        let results = await fetch.value
        #expect(results.count == 25, "round \(round)")
        #expect(results.allSatisfy { $0.failure?.kind == .transient }, "round \(round)")
        scene.wire.calm()
        // A login that came to nothing is not tried again at once.
        scene.pass(.seconds(120))
        await connected.read(0..<25, "after cancelled fetch \(round)")
      }
      #expect(scene.wire.waiting == 0)
    }
  }

  @Test(arguments: ProviderUnderTest.all)
  func aFetchOfACancelledTaskHasAResultForEach(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      let fetch = Task(executorPreference: scene.loop) {
        while !Task.isCancelled {
          await Task.yield()
        }
        return await connected.fetch(0..<5)
      }
      fetch.cancel()
      #expect(await fetch.value.count == 5)
      scene.pass(.seconds(120))
      await connected.read(0..<5)
    }
  }
}
