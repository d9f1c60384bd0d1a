import Glibc
import Text

/// Where a credential file lies: by its path as it is written, and by what that leads to, so that no other spelling and no link is
/// another file.
struct CredentialPlace {
  /// A path by the bytes of its segments, which is how the kernel compares them.
  private typealias Path = [[UInt8]]

  private let paths: [Path]

  init(_ path: String) {
    let plain = Self.plain(path)
    paths = [plain] + (Self.resolved(path).map { $0 == plain ? [] : [$0] } ?? [])
  }

  /// Whether it is one of `places`, or lies below one that is a folder.
  func lies(in places: [String]) -> Bool {
    places.contains { place in
      CredentialPlace(place).paths.contains { folder in paths.contains { $0.starts(with: folder) } }
    }
  }

  /// Without what a path says twice: `//`, `/.` and a folder with `..` behind it.
  private static func plain(_ path: String) -> Path {
    var segments: Path = []
    for segment in path.pathSegments() where segment != "." {
      if segment == ".." {
        _ = segments.popLast()
      } else {
        segments.append(Array(segment.utf8))
      }
    }
    return segments
  }

  /// By realpath(3); `nil` where nothing is there, or it cannot be seen.
  private static func resolved(_ path: String) -> Path? {
    guard let real = realpath(path, nil) else {
      return nil
    }
    defer { free(real) }
    return plain(String(cString: real))
  }
}
