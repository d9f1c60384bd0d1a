/// What an entry of `secrets` says to have the version before delivered along, so that a rotation breaks nothing between "rotated" and
/// "picked up": `previous: true`, an extension of ours.
public enum PreviousVersion {
  /// To be among the lookup fields of types whose stores keep versions.
  public static let field = Field<Bool>(
    "previous", .boolean, defaultsTo: "false", extension: true,
    "deliver the version before as well, as `NAME_PREVIOUS`; there is none while there was only one version")

  /// The variable or file that it is delivered as.
  public static func name(of entry: String) -> String { "\(entry)_PREVIOUS" }
}
