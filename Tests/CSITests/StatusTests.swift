import AgentDaemon
import GRPCCore
import Testing

@testable import secrets_agent_csi

/// The driver tries UNAVAILABLE again by itself; so nothing has it that another try does not cure.
@Test(arguments: [
  (VolumeProblem.invalid, RPCError.Code.invalidArgument), (.forbidden, .permissionDenied),
  (.denied, .unauthenticated), (.missing, .notFound), (.full, .resourceExhausted), (.unavailable, .unavailable),
])
func aProblemHasItsStatus(_ problem: VolumeProblem, _ code: RPCError.Code) {
  #expect(problem.code == code)
}
