import CLinux
import Files
import Glibc
import SecretBytes

/// What this process takes of the machine, by the names that Prometheus' own client libraries give
/// (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics). What the kernel does not tell is `nil`.
struct ProcessFigures: Sendable, Equatable {
  /// Processor time of all threads, in user and system mode.
  var cpuSeconds: Double?
  var residentBytes: UInt64?
  var virtualBytes: UInt64?
  var openDescriptors: Int?
  /// The soft limit of open descriptors.
  var maximumDescriptors: UInt64?
  /// Seconds since 1970.
  var startTime: Double?

  /// As they are now.
  static func current() -> ProcessFigures {
    var figures = ProcessFigures()
    figures.cpuSeconds = seconds(of: CLOCK_PROCESS_CPUTIME_ID)
    let pages = text("/proc/self/statm").map(Self.pages) ?? []
    let pageSize = UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 0))
    figures.virtualBytes = pages.first.flatMap { bytes($0, pageSize) }
    figures.residentBytes = pages.dropFirst().first.flatMap { bytes($0, pageSize) }
    figures.openDescriptors = openDescriptorCount()
    figures.maximumDescriptors = UInt64(exactly: linux_descriptor_limit())
    let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
    // Not by /proc/stat, which a unit with ProcSubset=pid does not see.
    if let ticks = text("/proc/self/stat").flatMap(Self.startTicks), ticksPerSecond > 0,
      let now = seconds(of: CLOCK_REALTIME), let sinceBoot = seconds(of: CLOCK_BOOTTIME)
    {
      figures.startTime = now - (sinceBoot - Double(ticks) / ticksPerSecond)
    }
    return figures
  }

  // MARK: - Reading proc(5)

  /// The first two numbers of `/proc/PID/statm`: pages mapped, pages resident. Empty where they are not both there.
  static func pages(_ statm: String) -> [UInt64] {
    let numbers = statm.split(separator: " ").prefix(2).compactMap { UInt64($0) }
    return numbers.count == 2 ? numbers : []
  }

  /// Field 22 of `/proc/PID/stat`: ticks between the machine's boot and the process's start. The name before it, between
  /// parentheses, may hold spaces and parentheses.
  static func startTicks(_ stat: String) -> UInt64? {
    guard let end = stat.lastIndex(of: ")") else {
      return nil
    }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    return fields.count > 19 ? UInt64(fields[19]) : nil
  }

  private static func bytes(_ pages: UInt64, _ pageSize: UInt64) -> UInt64? {
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: pageSize)
    return overflow ? nil : bytes
  }

  private static func text(_ path: String) -> String? {
    do throws(WholeFile.Fault) {
      return try WholeFile.read(path, limit: 64 * 1024).unsafeString()
    } catch {
      return nil
    }
  }

  private static func openDescriptorCount() -> Int? {
    do {
      let folder = try WholeFile.root("/proc/self/fd")
      // The folder's own two: the one that it is opened by, and the one that it is listed by.
      return max(try DirectoryEntry.rawNames(in: folder).count - 2, 0)
    } catch {
      return nil
    }
  }

  private static func seconds(of clock: clockid_t) -> Double? {
    var moment = timespec()
    guard clock_gettime(clock, &moment) == 0 else {
      return nil
    }
    return Double(moment.tv_sec) + Double(moment.tv_nsec) / 1e9
  }
}
