import ExecutionModel
import JSONReader
import SecretBytes
import Testing

private typealias Method = AuthenticationTable.Method

private let place = SchemaDocument.Place.authentication

/// The method that a valid document comes to; `nil`, and an issue, where it is not valid.
private func method(
  _ document: SchemaDocument, _ layout: SchemaLayout, sourceLocation: SourceLocation = #_sourceLocation
) throws -> String? {
  let validation = try document.examined(layout)
  #expect(validation.faults == [], sourceLocation: sourceLocation)
  return validation.execution.providers.first?.method
}

/// A document of the type with these keys in `auth`.
private func document(_ type: String, _ keys: [String], method: String? = nil) -> SchemaDocument {
  AuthenticationTable.Method(type: type, name: method ?? "").document(keys, isNamed: method != nil)
}

// MARK: - The table

@Test(arguments: AuthenticationTable.methods)
func aMethodIsTakenByItsNameWithAllItsFields(_ method: AuthenticationTable.Method) throws {
  for layout in SchemaLayout.allCases {
    for choice in method.choices {
      for keys in [choice, choice + method.optional] {
        let document = method.document(keys, isNamed: true)
        let validation = try document.examined(layout)
        #expect(validation.faults == [])
        #expect(validation.execution.providers.first?.method == method.name)
        for key in keys {
          #expect(validation.execution.providers.first?.authentication[key] != nil, "\(key) got lost")
        }
      }
    }
  }
}

@Test(arguments: AuthenticationTable.methods.filter(\.isInferred))
func aMethodIsKnownByItsFieldsAlone(_ expected: AuthenticationTable.Method) throws {
  for layout in SchemaLayout.allCases {
    for choice in expected.choices {
      for keys in [choice, choice + expected.optional] {
        #expect(try method(expected.document(keys, isNamed: false), layout) == expected.name, "\(keys)")
      }
      for zero in SchemaTable.zeros {
        let document = expected.document(choice, isNamed: false).with(place, "method", zero)
        #expect(try method(document, layout) == expected.name)
      }
    }
  }
}

@Test(arguments: AuthenticationTable.methods)
func aFieldThatAMethodRequiresIsSaidWhereItIsMissing(_ method: AuthenticationTable.Method) throws {
  for layout in SchemaLayout.allCases {
    for key in method.required {
      for value in [nil] + SchemaTable.zeros.map(Optional.some) {
        let keys = try #require(method.choices.first)
        let faults = try method.document(keys, isNamed: true).with(place, key, value).faults(layout)
        #expect(faults.map(\.path) == ["secret_providers.p.auth.\(key)"], "\(value as Any)")
        #expect(faults.first?.message.hasPrefix("required") == true)
      }
    }
    for source in method.sources {
      let keys = try #require(method.choices.first).filter { !source.contains($0) }
      let faults = try method.document(keys, isNamed: true).faults(layout)
      #expect(faults.map(\.path) == ["secret_providers.p.auth"])
      #expect(source.allSatisfy { faults.first?.message.contains($0) == true })
    }
  }
}

@Test(arguments: AuthenticationTable.methods)
func aZeroValueOfAnyAuthFieldCountsAsAbsent(_ expected: AuthenticationTable.Method) throws {
  let choice = try #require(expected.choices.first)
  for layout in SchemaLayout.allCases {
    for key in AuthenticationTable.keys.map(\.name) where !choice.contains(key) {
      for zero in SchemaTable.zeros {
        let named = expected.document(choice, isNamed: true).with(place, key, zero)
        #expect(try method(named, layout) == expected.name, "\(key): \(zero)")
      }
    }
  }
}

@Test(arguments: AuthenticationTable.methods)
func anAuthFieldOfTheWrongTypeIsAnErrorAtItsPath(_ method: AuthenticationTable.Method) throws {
  for layout in SchemaLayout.allCases {
    for choice in method.choices {
      for key in choice + method.optional {
        for value in SchemaTable.Kind.string.wrong {
          let faults = try method.document(choice, isNamed: true).with(place, key, value).faults(layout)
          #expect(faults.map(\.path) == ["secret_providers.p.auth.\(key)"], "\(value) in \(layout)")
          #expect(faults.map(\.severity) == [.error])
        }
      }
    }
  }
}

@Test(arguments: AuthenticationTable.methods)
func anAuthFieldThatTheMethodDoesNotReadIsAnErrorAtItsPath(_ method: AuthenticationTable.Method) throws {
  let choice = try #require(method.choices.first)
  for layout in SchemaLayout.allCases {
    for (key, good) in AuthenticationTable.keys where !(method.read + method.undecided).contains(key) {
      let faults = try method.document(choice, isNamed: true).with(place, key, good).faults(layout)
      #expect(faults.map(\.path) == ["secret_providers.p.auth.\(key)"])
      #expect(faults.map(\.severity) == [.error])
    }
  }
}

@Test(arguments: AuthenticationTable.methods)
func aKeyOfNoAuthStructIsAWarningWithTheNearestName(_ method: AuthenticationTable.Method) throws {
  let choice = try #require(method.choices.first)
  for layout in SchemaLayout.allCases {
    for key in choice + ["method"] {
      let misspelt = String(key.dropLast())
      let validation = try method.document(choice, isNamed: true).with(place, misspelt, "x").examined(layout)
      #expect(validation.faults.map(\.path) == ["secret_providers.p.auth.\(misspelt)"])
      #expect(validation.faults.map(\.severity) == [.warning])
      #expect(validation.faults.first?.message.contains("\"\(key)\"") == true)
      #expect(validation.isValid)
    }
  }
}

@Test(arguments: AuthenticationTable.methods)
func twoSourcesOfOneCredentialExcludeEachOther(_ method: AuthenticationTable.Method) throws {
  let choice = try #require(method.choices.first)
  for source in method.sources {
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
      let keys = choice.filter { !source.contains($0) } + [source[one], source[other]]
      for layout in SchemaLayout.allCases {
        for isNamed in [true, false] {
          let faults = try method.document(keys, isNamed: isNamed).faults(layout)
          #expect(faults.count == 1)
          #expect(faults.first?.severity == .error)
          #expect(faults.first?.path.hasPrefix("secret_providers.p.auth") == true)
          #expect(faults.first?.message.contains(source[one]) == true)
          #expect(faults.first?.message.contains(source[other]) == true)
          #expect(faults.first?.position != nil)
        }
      }
    }
  }
}

// MARK: - Inference beyond the table

private let partial: [(type: String, keys: [String], method: String)] =
  SchemaTable.aws.flatMap { type in
    [
      (type, [], "default"), (type, ["path"], "profile"), (type, ["role"], "web_identity"),
      (type, ["token_file"], "web_identity"), (type, ["role", "token_file"], "web_identity"),
    ]
  } + [
    (SchemaTable.gcp, [], "default"), (SchemaTable.gcp, ["impersonate_service_account"], "default"),
    (SchemaTable.azure, [], "default"), (SchemaTable.azure, ["managed_identity_client_id"], "managed_identity"),
    (SchemaTable.azure, ["token_file"], "workload_identity"),
    (SchemaTable.azure, ["tenant_id", "client_id", "token_file"], "workload_identity"),
    (SchemaTable.vault, ["token_file"], "static"), (SchemaTable.vault, ["role"], "kubernetes"),
    (SchemaTable.vault, ["path", "mount_path"], "file"),
  ]

@Test(arguments: partial)
func whatIsNotRequiredTellsAMethodToo(_ type: String, _ keys: [String], _ expected: String) throws {
  for layout in SchemaLayout.allCases {
    #expect(try method(document(type, keys), layout) == expected)
  }
}

@Test(arguments: [SchemaTable.gcp] + SchemaTable.aws)
func aCredentialFileIsTakenByItsPathAlone(_ type: String) throws {
  for layout in SchemaLayout.allCases {
    let validation = try document(type, ["path"]).examined(layout)
    #expect(validation.faults == [])
    #expect(validation.execution.providers.first?.authentication.text("path") == "/run/credentials")
    let relative = try document(type, []).with(place, "path", "credentials").faults(layout)
    #expect(relative.map(\.path) == ["secret_providers.p.auth.path"])
  }
}

@Test func whereSeveralMethodsAreMeantTheyAreListed() throws {
  for layout in SchemaLayout.allCases {
    let faults = try document(SchemaTable.vault, ["mount_path"]).faults(layout)
    #expect(faults.count == 1)
    #expect(faults.first?.severity == .error)
    #expect(faults.first?.path.hasPrefix("secret_providers.p.auth") == true)
    for name in ["approle", "kubernetes", "jwt", "static", "file"] {
      #expect(faults.first?.message.contains(name) == true)
    }
  }
}

@Test(arguments: [
  (SchemaTable.vault, ["role_id", "secret_id", "token"]), (SchemaTable.vault, ["role", "jwt", "token_file"]),
  (SchemaTable.vault, ["path", "token"]), (SchemaTable.vault, ["role", "role_id", "secret_id"]),
  (SchemaTable.secretsManager, ["access_key_id", "secret_access_key", "role"]),
  (SchemaTable.parameterStore, ["access_key_id", "secret_access_key", "path"]),
  (SchemaTable.tokenService, ["path", "token_file"]),
  (SchemaTable.gcp, ["service_account_key_file", "path"]),
  (SchemaTable.azure, ["tenant_id", "client_id", "client_secret_env", "managed_identity_client_id"]),
  (SchemaTable.azure, ["client_secret_env", "token_file"]),
])
func fieldsThatNoMethodTakesTogetherAreOneErrorThatListsTheMethods(_ type: String, _ keys: [String]) throws {
  for layout in SchemaLayout.allCases {
    let faults = try document(type, keys).faults(layout)
    #expect(faults.map(\.path) == ["secret_providers.p.auth"])
    #expect(faults.map(\.severity) == [.error])
    for method in AuthenticationTable.methods where method.type == type {
      #expect(faults.first?.message.contains(method.name) == true, "\(method)")
    }
  }
}

// MARK: - Names

private let synonyms: [(type: String, name: String, keys: [String], method: String)] =
  SchemaTable.aws.flatMap { type in
    [
      (type, "iam", [], "default"), (type, "access_key", ["access_key_id", "secret_access_key"], "static"),
      (type, "irsa", ["role"], "web_identity"), (type, "web_identity", [], "web_identity"),
      (type, "instance", [], "instance_metadata"), (type, "imds", [], "instance_metadata"),
    ]
  } + [
    (SchemaTable.vault, "token", ["token"], "static"), (SchemaTable.vault, "token", ["token_file"], "static"),
    (SchemaTable.gcp, "adc", [], "default"),
    (SchemaTable.azure, "service_principal", ["tenant_id", "client_id", "client_secret_env"], "client_secret"),
    (SchemaTable.azure, "msi", [], "managed_identity"),
  ]

@Test(arguments: synonyms)
func whatPeopleCallAMethodIsTaken(_ type: String, _ name: String, _ keys: [String], _ expected: String) throws {
  for layout in SchemaLayout.allCases {
    #expect(try method(document(type, keys, method: name), layout) == expected)
  }
}

@Test(arguments: SchemaTable.types.filter { $0 != SchemaTable.file })
func anUnknownMethodIsOneErrorThatListsThem(_ type: String) throws {
  for layout in SchemaLayout.allCases {
    for name in ["telepathy", 3, true, ["static"]] as [JSONTree] {
      let faults = try document(type, []).with(place, "method", name).faults(layout)
      #expect(faults.map(\.path) == ["secret_providers.p.auth.method"])
      #expect(faults.map(\.severity) == [.error])
      for method in AuthenticationTable.methods where method.type == type {
        #expect(faults.first?.message.contains(method.name) == true, "\(method)")
      }
    }
  }
}
