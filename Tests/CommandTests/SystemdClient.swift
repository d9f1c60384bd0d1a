import Foundation
import TestSupport

/// systemd's own reader of credentials, out of its private library: the call that PID 1 makes for `LoadCredential=ID:/a/socket`,
/// with the address that it connects from.
enum SystemdClient {
  /// What came of one call.
  struct Answer: Decodable, Equatable {
    /// 0, or an `errno` below zero.
    let result: Int
    let text: String
  }

  static let lacks: String? =
    Python.path == nil
    ? Python.absence : library == nil ? "no libsystemd-shared-*.so here, or no read_full_file_full in it" : nil

  private static let library: String? = try? Python.run(
    """
    import ctypes, glob
    for path in glob.glob("/usr/lib/systemd/libsystemd-shared-*.so") + glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so"):
        try:
            ctypes.CDLL(path).read_full_file_full
        except (OSError, AttributeError):
            continue
        print(path, end="")
        break
    else:
        raise SystemExit(1)
    """)

  /// Reads several credentials in one process, as the start of one unit does.
  private static let script = """
    import ctypes, json, os, sys
    library, socket, user = sys.argv[1:4]
    if user:
        os.setgroups([])
        os.setgid(int(user))
        os.setuid(int(user))
    read = ctypes.CDLL(library).read_full_file_full
    read.restype = ctypes.c_int
    read.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p,
                     ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t)]
    AT_FDCWD, SECURE, CONNECT_SOCKET, FAIL_WHEN_LARGER = -100, 1, 16, 32
    answers = []
    for name in sys.argv[4:]:
        content, size = ctypes.c_void_p(), ctypes.c_size_t()
        address = name if name.startswith("@") else "@%x/unit/%s" % (int.from_bytes(os.urandom(8), "big"), name)
        result = read(AT_FDCWD, socket.encode(), 2**64 - 1, 1 << 20, SECURE | CONNECT_SOCKET | FAIL_WHEN_LARGER,
                      address.encode(), ctypes.byref(content), ctypes.byref(size))
        text = ctypes.string_at(content.value, size.value).decode() if result >= 0 else ""
        answers.append({"result": result, "text": text})
    print(json.dumps(answers))
    """

  /// - Parameters:
  ///   - names: each `UNIT/ID`, or a whole address that begins with `@`.
  ///   - user: whose process it is, by number; `nil`: the test's own.
  static func read(
    _ names: [String], from socket: String, as user: String? = nil, in folder: ScratchFolder
  ) async throws -> [Answer] {
    let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
    let outcome = try await Run(
      [Python.path ?? "", "-c", script, library ?? "", socket, user ?? ""] + names, environment: environment,
      folder: folder
    ).outcome()
    guard outcome.status == 0 else { throw Broken("systemd's client: \(outcome.errorText)") }
    return try JSONDecoder().decode([Answer].self, from: outcome.output)
  }
}
