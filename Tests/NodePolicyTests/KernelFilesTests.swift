import Glibc
import SecretBytes
import Testing

@testable import NodePolicy

/// `/proc/self/environ` has every variable of the agent, those among them that a policy binds or closes.
@Suite struct KernelFilesTests {
  private static func policies() -> [NodePolicy] {
    var allowing = NodePolicy.strict
    allowing.credentialFiles = .beneath(["/proc", "/sys", "/dev", "/"])
    return [.personal, allowing]
  }

  @Test(arguments: [
    "/proc/self/environ", "/proc/\(getpid())/environ", "/proc/thread-self/environ", "//proc/./self/environ",
    "/etc/../proc/self/environ", "/proc/self/root/etc/hostname", "/dev/fd/0", "/dev/stdin", "/sys/kernel/uevent_seqnum",
    "/proc/none",
  ]) func isNoCredentialFileWhateverThePolicyAllows(path: String) {
    for policy in Self.policies() {
      #expect(throws: PolicyRefusal.self) { try policy.check(credentialFile: path) }
      let fault = #expect(throws: NodeFileFault.self) { try NodeFiles(policy: policy).credential(path) }
      guard case .refused(let refusal)? = fault?.reason else {
        Issue.record("\(path): \(String(describing: fault))")
        continue
      }
      #expect(refusal.rule == "credential_files" && refusal.message.contains("the kernel's own"))
    }
  }

  @Test func aLinkToOneIsNoneEither() throws {
    let link = "/tmp/secrets-agent-link-\(getpid())"
    #expect(symlink("/proc/self/environ", link) == 0)
    defer { unlink(link) }
    for policy in Self.policies() {
      #expect(throws: PolicyRefusal.self) { try policy.check(credentialFile: link) }
      #expect(throws: NodeFileFault.self) { try NodeFiles(policy: policy).credential(link) }
    }
  }

  @Test func filesInMemoryAreFiles() throws {
    let path = "/dev/shm/secrets-agent-token-\(getpid())"
    let file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
    try #require(file >= 0)
    defer {
      close(file)
      unlink(path)
    }
    try NodePolicy.personal.check(credentialFile: path)
    #expect(try NodeFiles(policy: .personal).credential(path).isEmpty)
  }

  @Test(arguments: ["/proc", "/proc/self/", "/sys/class", "/dev"]) func aPolicyThatNamesSuchAFolderIsFaulty(
    folder: String
  ) {
    #expect(throws: (any Error).self) {
      try PolicyFile.parse(SecretBytes("credential_files: [\(folder)]"), over: .strict, origin: "p")
    }
  }
}
