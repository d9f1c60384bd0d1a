import ExecutionModel
import JSONReader
import SecretBytes
import Testing

// MARK: - What is taken

@Test(arguments: SchemaTable.types, SchemaLayout.allCases)
func aProviderWithWhatItRequiresAndOneEntryIsTaken(_ type: String, _ layout: SchemaLayout) throws {
  let validation = try SchemaTable.minimal(type).examined(layout)
  #expect(validation.faults == [])
  #expect(validation.execution.providers.map(\.type) == [type])
  #expect(validation.execution.secrets.map(\.from) == ["p"])
}

@Test(arguments: SchemaTable.types, SchemaLayout.allCases)
func everyFieldOfATypeAtOnceIsTakenAndKept(_ type: String, _ layout: SchemaLayout) throws {
  for absent in SchemaTable.exclusive {
    let validation = try SchemaTable.full(type, without: absent).examined(layout)
    #expect(validation.faults == [], "without \(absent)")
    let connection = try #require(validation.execution.providers.first)
    let entry = try #require(validation.execution.secrets.first)
    for field in SchemaTable.provider where field.readers.contains(type) && field.kind != .object {
      #expect(connection.fields[field.name] != nil, "\(field.name) got lost")
    }
    for field in SchemaTable.tls where type == SchemaTable.vault {
      #expect(connection.fields["tls.\(field.name)"] != nil, "tls.\(field.name) got lost")
    }
    let common = ["from", "refresh", "field", "encoding"]
    for field in SchemaTable.secret where field.readers.contains(type) && !common.contains(field.name) {
      if case .string(let text) = field.good {
        #expect(entry.dumpedLookup.contains(text) == (field.name != absent), "\(field.name)")
      }
    }
    #expect(entry.refresh?.nanoseconds == 1_800_000_000_000)
    #expect(entry.encoding == .base64)
    #expect(entry.outputs.map(\.name) == ["S"])
    #expect(entry.outputs.map(\.field) == ["region"])
  }
}

@Test(arguments: [
  ("aws_ssm", SchemaTable.parameterStore), ("aws_ssm_parameter_store", SchemaTable.parameterStore),
  ("local_file", SchemaTable.file),
])
func otherSpellingsOfATypeAreThatType(_ alias: String, _ type: String) throws {
  for layout in SchemaLayout.allCases {
    let validation = try SchemaTable.minimal(type).with(.provider, "provider", .string(alias)).examined(layout)
    #expect(validation.faults == [])
    #expect(validation.execution.providers.map(\.type) == [type])
  }
}

// MARK: - Required

@Test(arguments: SchemaTable.pairs.filter(\.isRequired))
func aRequiredFieldThatIsMissingIsOneErrorAtItsPath(_ pair: SchemaTable.Pair) throws {
  var document = SchemaTable.minimal(pair.type).with(pair.place, pair.field.name, nil)
  if pair.field.name == "auth" {
    document[.authentication, "token_env"] = nil
  }
  for layout in SchemaLayout.allCases {
    let faults = try document.faults(layout)
    #expect(faults.map(\.path) == [pair.path])
    #expect(faults.map(\.severity) == [.error])
    #expect(faults.first?.message.hasPrefix("required") == true)
    #expect(faults.first?.position != nil)
  }
}

@Test(arguments: SchemaTable.types)
func aProviderWithoutItsTypeIsOneError(_ type: String) throws {
  for layout in SchemaLayout.allCases {
    for value in [nil] + SchemaTable.zeros.map(Optional.some) {
      let faults = try SchemaTable.minimal(type).with(.provider, "provider", value).faults(layout)
      #expect(faults.map(\.path) == ["secret_providers.p.provider"], "\(value as Any)")
      #expect(faults.first?.message.hasPrefix("required") == true)
    }
    for value in SchemaTable.Kind.string.wrong + ["hashicorp_volt"] {
      let faults = try SchemaTable.minimal(type).with(.provider, "provider", value).faults(layout)
      #expect(faults.map(\.path) == ["secret_providers.p.provider"], "\(value)")
      #expect(faults.map(\.severity) == [.error])
    }
  }
}

@Test(arguments: SchemaTable.types)
func aKeyTypeInPlaceOfProviderIsAnErrorAndAWarning(_ type: String) throws {
  for layout in SchemaLayout.allCases {
    let document = SchemaTable.minimal(type).with(.provider, "provider", nil).with(.provider, "type", .string(type))
    let faults = try document.faults(layout)
    let required = faults.filter { $0.severity == .error }
    #expect(required.map(\.path) == ["secret_providers.p.provider"])
    #expect(required.first?.message.hasPrefix("required") == true)
    #expect(faults.filter { $0.severity == .warning }.map(\.path) == ["secret_providers.p.type"])
  }
}

// MARK: - Zero values

@Test(arguments: SchemaTable.pairs)
func aZeroValueCountsAsAbsent(_ pair: SchemaTable.Pair) throws {
  for zero in SchemaTable.zeros {
    for layout in SchemaLayout.allCases {
      let faults = try SchemaTable.minimal(pair.type).with(pair.place, pair.field.name, zero).faults(layout)
      if pair.isRequired {
        #expect(faults.map(\.path) == [pair.path], "\(zero) in \(layout)")
        #expect(faults.map(\.severity) == [.error])
        #expect(faults.first?.message.hasPrefix("required") == true)
      } else {
        #expect(faults == [], "\(zero) in \(layout)")
      }
    }
  }
}

/// What a server writes that leaves no field out.
private let zeroTLS: JSONTree = ["ca_cert": "", "client_cert": "", "client_key": "", "skip_verify": false]

@Test(arguments: SchemaTable.types)
func blocksWithoutAValueInThemCountAsAbsent(_ type: String) throws {
  let zeroAuth = JSONTree.object(AuthenticationTable.keys.map { .init($0.name, "") } + [.init("method", "")])
  for layout in SchemaLayout.allCases {
    #expect(try SchemaTable.minimal(type).with(.provider, "tls", zeroTLS).faults(layout) == [])
    for block in [zeroAuth, ["method": .null, "token_file": 0, "path": [], "role": false, "jwt": [:]]] {
      let faults = try SchemaTable.minimal(type).with(.provider, "auth", block).faults(layout)
      #expect(faults.map(\.path) == (type == SchemaTable.vault ? ["secret_providers.p.auth"] : []))
      #expect(faults.allSatisfy { $0.message.hasPrefix("required") })
    }
  }
}

@Test(arguments: SchemaTable.types)
func structsOfWhichEveryKeyIsWrittenOutAreTaken(_ type: String) throws {
  var document = SchemaTable.minimal(type)
  for (place, fields) in [(SchemaDocument.Place.provider, SchemaTable.provider), (.entry, SchemaTable.secret)] {
    for field in fields where document[place, field.name] == nil && field.name != "auth" {
      switch field.kind {
      case .string, .version: document[place, field.name] = ""
      case .integer, .duration: document[place, field.name] = 0
      case .boolean: document[place, field.name] = false
      case .object: document[place, field.name] = zeroTLS
      }
    }
  }
  for key in AuthenticationTable.keys where document[.authentication, key.name] == nil {
    document[.authentication, key.name] = ""
  }
  for layout in SchemaLayout.allCases {
    #expect(try document.faults(layout) == [])
  }
}

// MARK: - Wrong values

@Test(arguments: SchemaTable.pairs.filter(\.isRead))
func aValueOfTheWrongTypeIsOneErrorAtItsPath(_ pair: SchemaTable.Pair) throws {
  for value in pair.field.kind.wrong {
    for layout in SchemaLayout.allCases {
      let faults = try SchemaTable.minimal(pair.type).with(pair.place, pair.field.name, value).faults(layout)
      #expect(faults.map(\.path) == [pair.path], "\(value) in \(layout)")
      #expect(faults.map(\.severity) == [.error])
      #expect(faults.first?.message.hasPrefix("required") == false)
      #expect(faults.first?.position != nil)
    }
  }
}

@Test(arguments: SchemaTable.pairs.filter { !$0.isRead })
func aValueThatAnotherTypeReadsIsOneErrorAtItsPath(_ pair: SchemaTable.Pair) throws {
  for value in [pair.field.good] + pair.field.kind.wrong {
    for layout in SchemaLayout.allCases {
      let faults = try SchemaTable.minimal(pair.type).with(pair.place, pair.field.name, value).faults(layout)
      #expect(faults.map(\.path) == [pair.path], "\(value) in \(layout)")
      #expect(faults.map(\.severity) == [.error])
      for reader in pair.field.readers {
        #expect(faults.first?.message.contains(reader) == true)
      }
    }
  }
}

@Test(arguments: SchemaTable.pairs.filter(\.isRead))
func aKeyOfNoStructIsAWarningWithTheNearestName(_ pair: SchemaTable.Pair) throws {
  let misspelt = String(pair.field.name.dropLast())
  for layout in SchemaLayout.allCases {
    for value in ["x", 3, ["x": "y"]] as [JSONTree] {
      let validation = try SchemaTable.minimal(pair.type).with(pair.place, misspelt, value).examined(layout)
      #expect(validation.faults.map(\.path) == ["\(pair.place.rawValue).\(misspelt)"])
      #expect(validation.faults.map(\.severity) == [.warning])
      #expect(validation.faults.first?.message.contains("\"\(pair.field.name)\"") == true)
      #expect(validation.isValid)
      #expect(validation.execution.secrets.count == 1)
    }
  }
}

// MARK: - Values that must survive

@Test func withDecryptionFalseSurvives() throws {
  for layout in SchemaLayout.allCases {
    let store = SchemaTable.minimal(SchemaTable.parameterStore)
    for flag in [true, false] {
      let validation = try store.with(.entry, "with_decryption", .boolean(flag)).examined(layout)
      #expect(validation.faults == [])
      let absent = try store.examined(layout).execution.secrets.first?.reference
      #expect((validation.execution.secrets.first?.reference == absent) == flag)
    }
  }
}

@Test(arguments: [SchemaTable.vault, SchemaTable.gcp, SchemaTable.azure])
func aVersionReadsTheSameWithAndWithoutQuotes(_ type: String) throws {
  for layout in SchemaLayout.allCases {
    for version in ["3", 3] as [JSONTree] {
      let validation = try SchemaTable.minimal(type).with(.entry, "version", version).examined(layout)
      #expect(validation.faults == [])
      let entry = try #require(validation.execution.secrets.first)
      #expect(entry.reference.isPinned)
      #expect(entry.reference.description.contains("3"))
    }
  }
}

@Test func aVersionOfAzureThatLooksLikeANumberKeepsEveryDigit() throws {
  for version in ["12345678901234567890123456789012", "1234567890123456789012345678e900"] {
    for text in [
      #"{"secret_providers": {"p": {"provider": "azure_key_vault", "vault_url": "https://shop.vault.azure.net"}}, "#
        + #""secrets": {"S": {"from": "p", "secret_name": "db", "version": \#(version)}}}"#,
      """
      secret_providers: {p: {provider: azure_key_vault, vault_url: https://shop.vault.azure.net}}
      secrets: {S: {from: p, secret_name: db, version: \(version)}}
      """,
    ] {
      #expect(try execution(text).asks(for: ["secret_name": "db", "version": version]))
    }
  }
}
