import ExecutionModel
import Text

/// A region as AWS's endpoint rules see it: the partition that it is of, and whether its name asks for FIPS
/// (`partitions.json` of botocore; names as `fips-us-east-1` are those of old clients, and go on being read).
struct AWSRegion: Sendable {
  /// A region becomes part of a host's name.
  static let grammar = TextGrammar(
    "a region, as eu-central-1", pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
  ) { region in
    (1...63).contains(region.utf8.count) && !region.hasPrefix("-") && !region.hasSuffix("-")
      && region.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
  }

  /// Without its `fips`.
  let name: String
  let asksForFIPS: Bool
  let partition: Partition

  init(_ text: String) {
    name = text.replacing("-fips-", with: "-").replacing("fips-", with: "").replacing("-fips", with: "")
    asksForFIPS = name != text
    partition = Partition.of(name)
  }

  /// What signatures name: the region, and for a partition as a whole (`aws-global`) the one that serves it.
  var signingName: String { name == partition.wholeName ? partition.wholeRegion : name }

  /// Parts of AWS that share no identities.
  enum Partition: String, CaseIterable, Sendable {
    case standard = "aws"
    case china = "aws-cn"
    case government = "aws-us-gov"
    case europe = "aws-eusc"
    case iso = "aws-iso"
    case isoB = "aws-iso-b"
    case isoE = "aws-iso-e"
    case isoF = "aws-iso-f"

    private struct Facts {
      /// What its regions' names start with; a word and a number follow.
      let regions: String
      let wholeRegion: String
      let suffix: String
      let dualStackSuffix: String
    }

    private var facts: Facts {
      switch self {
      case .standard:
        Facts(regions: "", wholeRegion: "us-east-1", suffix: "amazonaws.com", dualStackSuffix: "api.aws")
      case .china:
        Facts(
          regions: "cn-", wholeRegion: "cn-northwest-1", suffix: "amazonaws.com.cn",
          dualStackSuffix: "api.amazonwebservices.com.cn")
      case .government:
        Facts(regions: "us-gov-", wholeRegion: "us-gov-west-1", suffix: "amazonaws.com", dualStackSuffix: "api.aws")
      case .europe:
        Facts(
          regions: "eusc-de-", wholeRegion: "eusc-de-east-1", suffix: "amazonaws.eu",
          dualStackSuffix: "api.amazonwebservices.eu")
      case .iso:
        Facts(regions: "us-iso-", wholeRegion: "us-iso-east-1", suffix: "c2s.ic.gov", dualStackSuffix: "api.aws.ic.gov")
      case .isoB:
        Facts(
          regions: "us-isob-", wholeRegion: "us-isob-east-1", suffix: "sc2s.sgov.gov", dualStackSuffix: "api.aws.scloud"
        )
      case .isoE:
        Facts(
          regions: "eu-isoe-", wholeRegion: "eu-isoe-west-1", suffix: "cloud.adc-e.uk",
          dualStackSuffix: "api.cloud-aws.adc-e.uk")
      case .isoF:
        Facts(
          regions: "us-isof-", wholeRegion: "us-isof-south-1", suffix: "csp.hci.ic.gov",
          dualStackSuffix: "api.aws.hci.ic.gov")
      }
    }

    var suffix: String { facts.suffix }
    /// Of names that have IPv6 addresses as well.
    var dualStackSuffix: String { facts.dualStackSuffix }
    /// The name that stands for all of its regions.
    var wholeName: String { "\(rawValue)-global" }
    var wholeRegion: String { facts.wholeRegion }

    /// The standard one for names that no other has.
    static func of(_ region: String) -> Partition {
      allCases.first { $0 != .standard && ($0.wholeName == region || $0.hasRegion(region)) } ?? .standard
    }

    private func hasRegion(_ region: String) -> Bool {
      guard region.hasPrefix(facts.regions) else {
        return false
      }
      let parts = region.dropFirst(facts.regions.count).split(separator: "-", omittingEmptySubsequences: false)
      return parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty && parts[1].utf8.allSatisfy(\.isDigit)
    }
  }
}
