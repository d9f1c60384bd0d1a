import EventLoop

/// How many calls to one server may be under way at once, by how soon it answers.
///
/// A near server answers within a millisecond or two: a few connections keep it busy, and each further one costs processor time
/// on both sides and brings nothing. A far one takes most of a call to be reached, and many calls have to share that wait. So
/// there is one place for each half millisecond of the shortest answer of late. The shortest is the one that tells: what waits
/// behind other calls takes longer the more of them there are, and would ask for still more.
///
/// Streams of one HTTP/2 connection cost next to nothing, so that there all places are open.
struct InFlightLimit {
  /// Without an answer that says otherwise.
  static let least = 4
  private static let placeEach = Duration.microseconds(500)
  /// An answer counts for one to two of these.
  private static let period = Duration.seconds(30)
  /// Where calls wait, and none has ended for so long, those under way are taken to hang.
  static let patience = Duration.milliseconds(25)

  let most: Int
  private var places: Int
  /// Taken to be held by calls that hang.
  private var lost = 0
  private var shortest: Duration?
  private var shortestBefore: Duration?
  private var periodEnd = Moment(nanoseconds: .min)

  init(most: Int) {
    self.most = max(most, 1)
    self.places = min(Self.least, self.most)
  }

  var current: Int { min(places + lost, most) }

  /// Takes in an answer that came `wait` after its request was sent.
  mutating func answered(after wait: Duration, isMultiplexed: Bool, at now: Moment) {
    guard !isMultiplexed else {
      places = most
      return
    }
    if now >= periodEnd {
      shortestBefore = now < periodEnd.advanced(by: Self.period) ? shortest : nil
      shortest = nil
      periodEnd = now.advanced(by: Self.period)
    }
    let present = min(wait, shortest ?? wait)
    shortest = present
    let worth = Int(min(present, shortestBefore ?? present) / Self.placeEach)
    // Twice as many at most: one slow answer alone opens no crowd of connections, and of a far server four come together.
    places = min(max(worth, Self.least), places * 2, most)
  }

  /// None of the calls under way has ended for ``patience``: as many again may begin.
  mutating func stalled() {
    lost = min(lost + current, most)
  }

  /// No call is under way.
  mutating func rested() {
    lost = 0
  }
}
