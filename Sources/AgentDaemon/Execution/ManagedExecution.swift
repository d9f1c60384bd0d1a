import Delivery
import EventLoop
import ExecutionModel
import Masking
import Refresh
import Resolution
import SealedCache
import Text

/// One execution that the daemon looks after.
struct ManagedExecution {
  let id: String
  var source: String
  /// What is in force; `nil` while no document of it was ever accepted.
  var accepted: Accepted?
  /// The newest document, accepted or not.
  var item: ExecutionDocument.Item
  /// The warnings of the newest document that was accepted.
  var warnings: [String] = []
  /// Why the newest document is not in force.
  var documentProblem: DocumentProblem?
  /// The folder that it could have but for another execution's outputs there.
  var wantedFolder: String?
  var deliveryProblem: StrangersWords?
  /// Which secrets that is for, of those whose values are held.
  var undelivered = UndeliveredSecrets()
  /// Why notices could not be given, one line for each.
  var noticeProblems: [StrangersWords] = []
  /// 0: none in place.
  var generation: Int64 = 0
  var deliveredAtUnix: Int64?
  var deliveryFailures = 0
  /// What was delivered is not to be used any more.
  var isWithdrawn = false
  /// What is in the outputs, while it is what an earlier life of the daemon left there.
  var inherited: GenerationManifest.InPlace?
  /// It is newer than what the sealed cache has, and stays.
  var isAheadOfCache = false
  var notices = 0
  var failedNotices = 0
  /// Under way or waiting; at most one of each.
  var settling: Task<Void, Never>?
  /// When that is over.
  var settled: Moment?
  /// Its outputs are being written, beside the loop; neither they nor what they are made of may change until that is done.
  var delivering: Task<Void, Never>?
  /// Something changed since that began.
  var isOutdated = false
  var notifying: Task<Void, Never>?
  /// How many values it began with from the sealed cache, and when, until all of them are live.
  var fromCache: (count: Int, since: Moment)?
  /// What its file in the sealed cache holds, as far as this process knows.
  var kept: CachedGeneration?
  /// Why it is not what it should be.
  var cacheProblem: String?
  /// In a row.
  var cacheFailures = 0

  var problems: [String] {
    let ahead = "its outputs are newer than what the sealed cache has, and stay until its stores answer"
    return [documentProblem?.text, deliveryProblem?.text, isAheadOfCache ? ahead : nil].compactMap { $0 }
      + noticeProblems.map(\.text) + [cacheProblem].compactMap { $0 }
  }

  struct DocumentProblem {
    enum Kind {
      case unreadable
      case refused
      /// Nobody's fault: more of it is to come.
      case waits
    }

    let kind: Kind
    let text: String
  }

  struct Accepted {
    let execution: Execution
    let plan: ExecutionPlan
    let directory: GenerationDirectory
    let folder: String
    /// Files that its entries are read from, to be watched.
    let servedFiles: [Reference]

    init(execution: Execution, plan: ExecutionPlan, directory: GenerationDirectory, folder: String) {
      self.execution = execution
      self.plan = plan
      self.directory = directory
      self.folder = folder
      servedFiles = plan.groups.flatMap { $0.references.filter { $0.lookup.servedFile != nil } }
    }
  }

  init(id: String, source: String, item: ExecutionDocument.Item) {
    self.id = id
    self.source = source
    self.item = item
  }
}

extension ExecutionPlan {
  /// What the scheduler is to keep fresh for this plan: each reference once, at the shortest interval that one of its entries asks for.
  public var subscriptions: [Subscription] {
    var intervals: [Reference: GoDuration] = [:]
    for item in items {
      let reference = groups[item.group].references[item.reference]
      guard !reference.isPinned else {
        continue
      }
      let descriptor = groups[item.group].connection.descriptor
      let interval = refreshInterval(item) ?? (descriptor.refreshDefault == .watched ? Self.watchedInterval : nil)
      if let interval {
        intervals[reference] = min(intervals[reference] ?? interval, interval)
      }
    }
    return groups.flatMap { group in
      zip(group.references, group.fields).map { reference, fields in
        Subscription(
          connection: group.connection, reference: reference,
          interval: intervals[reference].map { .nanoseconds($0.nanoseconds) },
          isWatched: group.connection.descriptor.refreshDefault == .watched, fields: fields)
      }
    }
  }

  /// How often a watched file is read all the same, should its watch have missed something.
  static let watchedInterval = GoDuration(nanoseconds: 30_000_000_000)
}
