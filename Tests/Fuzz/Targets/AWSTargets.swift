import HTTPTransport
import SecretBytes

@testable import AWSProvider
@testable import AWSSigning

/// AWS's shared files, taken as either of the two.
struct SharedFileTarget: FuzzTarget {
  static let name = "SharedFile"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let text: ConfigurationText
    do throws(ConfigurationText.Fault) {
      text = try ConfigurationText(input)
    } catch {
      try hold((1...input.mostLines).contains(error.line), "the fault is in the text")
      return false
    }
    try hold(Set(text.sections.map(\.name)).count == text.sections.count, "a section is there once")
    for section in text.sections {
      try hold((1...input.mostLines).contains(section.line), "the section is in the text")
      try hold(section.values.keys.allSatisfy { !$0.isEmpty && $0 == $0.lowercased() }, "keys are in lower case")
    }
    var shared = SharedConfiguration(name: "default")
    shared.take(config: text, "config")
    shared.take(credentials: text, "credentials")
    _ = shared.endpoint(of: "secrets_manager")
    for profile in shared.profiles.values {
      try hold(profile.credentials.keys.allSatisfy { profile.values[$0] == profile.credentials[$0] }, "credentials win")
    }
    return true
  }
}

/// The command line of `credential_process`, and names of profiles.
struct CommandLineTarget: FuzzTarget {
  static let name = "CommandLine"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    guard let line = input.unsafeString(), let words = ShellWords.split(line) else {
      return false
    }
    let quoted = words.map { word in
      "'" + word.unicodeScalars.reduce(into: "") { $0 += $1 == "'" ? #"'\''"# : String($1) } + "'"
    }
    try hold(ShellWords.split(quoted.joined(separator: " ")) == words, "quoted words are the same words")
    return true
  }
}

/// XML of the query protocol: credentials of STS, or an error.
struct XMLTarget: FuzzTarget {
  static let name = "XML"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let error = AWSError(HTTPResponse(status: 403, headers: HTTPFields([]), body: input))
    try hold(error.code?.isEmpty != true, "a code is a word")
    let credentials = try? AWSCredentials(xml: input)
    guard let document = try? XMLLeaves(input) else {
      try hold(credentials == nil, "credentials come by XML only")
      return false
    }
    if let credentials {
      try hold(!credentials.accessKeyID.isEmpty && !credentials.secretAccessKey.isEmpty, "keys are whole")
      try hold(credentials.sessionToken?.isEmpty == false && credentials.expiresAt != nil, "keys are whole")
    }
    try hold((1...XMLLeaves.maximumElements).contains(document.leaves.count), "elements have a bound")
    for leaf in document.leaves {
      try hold((1...XMLLeaves.maximumDepth).contains(leaf.path.count), "depth has a bound")
      try hold(leaf.text.isValidUTF8, "a text is text")
    }
    let end = input.withUnsafeBytes { $0.lastIndex(of: UInt8(ascii: ">")) } ?? 0
    try hold((try? XMLLeaves(input.slice(0..<end))) == nil, "what is cut off is refused")
    return true
  }
}
