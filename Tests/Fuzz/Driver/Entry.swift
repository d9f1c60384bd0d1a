import Glibc
import SecretBytes

/// The target that `SECRETS_AGENT_FUZZ_TARGET` names.
private let target: any FuzzTarget = {
  let name = getenv("SECRETS_AGENT_FUZZ_TARGET").map { String(cString: $0) } ?? ""
  guard let type = FuzzTargets.all.first(where: { $0.name == name }), let target = try? type.init() else {
    print("SECRETS_AGENT_FUZZ_TARGET names none of: \(FuzzTargets.all.map { $0.name }.joined(separator: " "))")
    exit(64)
  }
  return target
}()

/// What libFuzzer calls with each input (https://llvm.org/docs/LibFuzzer.html#fuzz-target).
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
  let input = SecretBytes(copying: UnsafeRawBufferPointer(start: start, count: count))
  do throws(BrokenProperty) {
    _ = try target.read(input)
  } catch {
    fatalError("does not hold: \(error)")
  }
  return 0
}

/// What stands in a global lives until the end; Swift keeps some of it behind tagged pointers, which the leak checker does not follow.
@_cdecl("__lsan_default_suppressions")
public func suppressedLeaks() -> UnsafePointer<UInt8> {
  let once: StaticString = "leak:swift::threading_impl::once_slow\n"
  return once.utf8Start
}
