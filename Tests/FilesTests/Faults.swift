import CFaults

/// Runs `body` with faults in the calls of this thread; what was called, as `wfrd` for write, flush, rename, flush of the folder.
func withFaults(_ change: (inout faults) -> Void = { _ in }, _ body: () throws -> Void) rethrows -> String {
  var plan = faults()
  change(&plan)
  faults_begin(plan)
  defer { faults_end() }
  try body()
  return String(cString: faults_end())
}
