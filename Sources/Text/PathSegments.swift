extension String {
  /// The parts between slashes, as kernels and servers see them. To Swift a slash with a combining mark behind it is another
  /// character, which `split`, `contains` and `hasPrefix` of strings pass over.
  ///
  /// - Parameter keepingEmpty: whether what stands between two slashes next to each other, and before the first, is a part too.
  public func pathSegments(keepingEmpty: Bool = false) -> [Substring] {
    unicodeScalars.split(separator: "/", omittingEmptySubsequences: !keepingEmpty).map { Substring($0) }
  }
}
