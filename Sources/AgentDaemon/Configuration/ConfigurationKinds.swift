import Delivery
import ExecutionModel
import Glibc
import HTTPTransport
import Settings
import Text

/// Users and groups by name or number.
public enum Accounts {
  public static func user(_ name: String) -> uid_t? {
    uid_t(name) ?? getpwnam(name)?.pointee.pw_uid
  }

  public static func group(_ name: String) -> gid_t? {
    gid_t(name) ?? getgrnam(name)?.pointee.gr_gid
  }
}

extension SettingKind where Value == UInt32 {
  static var user: SettingKind { account("user", Accounts.user) }
  static var group: SettingKind { account("group", Accounts.group) }

  private static func account(_ noun: String, _ find: @escaping @Sendable (String) -> UInt32?) -> SettingKind {
    SettingKind<String>.text("the name of one \(noun)").refined { name throws(SettingFault) in
      guard let number = find(name) else {
        throw SettingFault("no \(noun) of the system is named \(ShownText.clean(name))")
      }
      return number
    }
  }

  /// Permission bits; those of `forbidden` must not be set.
  static func mode(forbidding forbidden: mode_t) -> SettingKind {
    let last = (0...7).filter { $0 & forbidden == 0 }.map { "\($0)" }.joined()
    return parsed(
      "permission bits as \"0640\", without rights for every user", pattern: "^0*[0-7]?[0-7]?[\(last)]$"
    ) { text in
      guard text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "7")).contains), let bits = mode_t(text, radix: 8)
      else {
        return nil
      }
      return bits <= 0o777 && bits & forbidden == 0 ? bits : nil
    } show: { bits in
      let digits = String(bits, radix: 8)
      return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
  }
}

extension SettingKind where Value == Set<UInt32> {
  static func accounts(_ account: SettingKind<UInt32>) -> SettingKind {
    SettingKind<[UInt32]>.list(of: account).refined { accounts throws(SettingFault) in Set(accounts) }
  }
}

extension SettingKind where Value == String {
  /// A template of an execution's folder.
  static var folderName: SettingKind {
    let plain = "[A-Za-z0-9_.-]*"
    let placeholders = OutputFolderName.placeholders
    return parsed(
      "a name without '/', made of letters and \(placeholders.map { "{\($0)}" }.joined(separator: ", "))",
      pattern: "^\(plain)(?:\\{(?:\(placeholders.joined(separator: "|")))\\}\(plain))+$"
    ) { text in
      OutputFolderName.isTemplate(text) ? text : nil
    } show: {
      $0
    }
  }
}

extension SettingKind where Value == [String: String] {
  /// Texts by the names of units, which have their ending (systemd.unit(5)).
  static var units: SettingKind {
    let name = SettingKind<String>.parsed(
      "a unit's name with its ending, as web.service", pattern: "^[A-Za-z0-9:_.\\\\@-]+\\.[a-z]+$"
    ) { text in
      let ending = text.split(separator: ".", omittingEmptySubsequences: false).dropFirst().last ?? ""
      let isName =
        !text.hasPrefix("." + ending) && !ending.isEmpty
        && ending.utf8.allSatisfy((UInt8(ascii: "a")...UInt8(ascii: "z")).contains)
        && text.utf8.allSatisfy { $0.isAlphanumeric || ":_.\\@-".utf8.contains($0) }
      return isName ? text : nil
    } show: {
      $0
    }
    return map(of: .text, keys: name, "an object of units' names, each with an execution's id")
  }
}

extension SettingKind where Value == [String: UInt32] {
  static var workloadUsers: SettingKind {
    map(of: .user, keys: .text, "an object of executions' ids, job ids or names, each with a user")
  }
}

extension SettingKind where Value == EnvironmentFormat? {
  static var environmentFormat: SettingKind {
    var words: [(word: String, value: EnvironmentFormat?)] = EnvironmentFormat.allCases.map { ($0.rawValue, $0) }
    words.append(("none", nil))
    return choice(words)
  }
}

extension SettingKind where Value == AgentConfiguration.API.Listener {
  static var loopbackListener: SettingKind {
    parsed("a loopback address and port, as 127.0.0.1:9465") { text in
      // libcurl would give the scheme's port to what has none.
      guard let url = try? HTTPURL(parsing: "http://\(text)"), url.isLoopbackHost, text == "\(url.host):\(url.port)"
      else {
        return nil
      }
      return AgentConfiguration.API.Listener(host: url.host, port: url.port)
    }
  }
}
