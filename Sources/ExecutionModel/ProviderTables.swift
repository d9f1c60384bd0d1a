import Text

/// The field tables of provider types, as Markdown for docs/providers.md and for `secrets-agent providers TYPE`.
public enum ProviderTables {
  public static func markdown(_ descriptor: ProviderDescriptor) -> String {
    var lines = ["## \(descriptor.type)", "", "\(descriptor.summary).".capitalizedFirst, ""]
    if !descriptor.aliases.isEmpty {
      lines += ["Also written \(descriptor.aliases.map { "`\($0)`" }.joined(separator: ", ")).", ""]
    }
    lines += ["Refreshed \(refresh(descriptor)) unless an entry says otherwise.", ""]
    lines += ["### Provider", ""] + table(flattened(descriptor.connection, ""))
    lines += rules(descriptor.connectionRules)
    if let authentication = descriptor.authentication {
      lines += ["### `auth`\(authentication.isRequired ? " (required)" : "")", ""]
      if let standard = authentication.defaultMethod {
        lines += [
          "Without `method` the fields tell which one it is; without fields, or without the block, `\(standard)`.", "",
        ]
      } else {
        lines += ["`method` may be left out where the other fields leave one method only.", ""]
      }
      if !authentication.commonFields.isEmpty {
        lines += ["For every method:", ""] + table(authentication.commonFields)
      }
      for method in authentication.methods {
        let others = method.aliases.isEmpty ? "" : " (also \(method.aliases.map { "`\($0)`" }.joined(separator: ", ")))"
        lines +=
          ["`method: \(method.name)`\(others): \(method.summary).", ""] + table(method.fields) + rules(method.rules)
      }
    }
    lines += ["### Entries of `secrets`", ""] + table(descriptor.commonEntryFields + descriptor.lookup)
    lines += rules(descriptor.lookupRules)
    if !descriptor.outputs.isEmpty {
      let names = descriptor.outputs.map { "`KEY_\($0.suffix)`" }.joined(separator: ", ")
      lines += [
        "An entry's key is a prefix; the entry `KEY` yields exactly \(names). With `field` it yields that one value, under its own name.",
        "",
      ]
    }
    if !descriptor.pinningFields.isEmpty {
      let moving = descriptor.movingFields
      let names = descriptor.pinningFields.map { moving.contains($0) ? "a number as `\($0)`" : "`\($0)`" }
      lines += ["An entry with \(names.joined(separator: " or ")) is never fetched again.", ""]
    }
    return lines.joined(separator: "\n")
  }

  private static func refresh(_ descriptor: ProviderDescriptor) -> String {
    switch descriptor.refreshDefault {
    case .every(let seconds): "every \(GoDuration(nanoseconds: seconds * 1_000_000_000))"
    case .watched: "when the source changes"
    case .halfOfRemainingLife: "at half of what remains of the value's life"
    }
  }

  private static func flattened(_ fields: [FieldDescriptor], _ prefix: String) -> [FieldDescriptor] {
    fields.flatMap { field -> [FieldDescriptor] in
      guard case .object(let inner) = field.kind else {
        return [
          FieldDescriptor(
            prefix + field.name, field.kind, required: field.isRequired, defaultsTo: field.defaultText,
            extension: field.isExtension, field.summary)
        ]
      }
      return flattened(inner, prefix + field.name + ".")
    }
  }

  private static func table(_ fields: [FieldDescriptor]) -> [String] {
    guard !fields.isEmpty else {
      return ["No fields.", ""]
    }
    let rows = fields.map { field in
      let standard = field.isRequired ? "required" : field.defaultText.map { "`\($0)`" } ?? ""
      let note = field.isExtension ? " (extension)" : ""
      return "| `\(field.name)`\(note) | \(kind(field.kind)) | \(standard) | \(field.summary) |"
    }
    return ["| field | holds | default | meaning |", "| --- | --- | --- | --- |"] + rows + [""]
  }

  private static func rules(_ rules: [FieldRule]) -> [String] {
    rules.isEmpty ? [] : rules.map { "- \($0.summary)" } + [""]
  }

  private static func kind(_ kind: FieldDescriptor.Kind) -> String {
    switch kind {
    case .text: "text"
    case .credential: "a credential"
    case .integer(let range):
      range.upperBound == .max
        ? "integer from \(range.lowerBound)" : "integer \(range.lowerBound) to \(range.upperBound)"
    case .boolean: "true or false"
    case .version(.number): "a number, as text"
    case .version(.numberOrName): "a number or a name, as text"
    case .version(.identifier): "a version's id"
    case .grammar(let grammar): grammar.summary
    case .choice(let choices): choices.map { "`\($0)`" }.joined(separator: ", ")
    case .duration: "duration"
    case .address, .origin: "address"
    case .pem: "PEM text, or the path of a PEM file"
    case .file, .identityFile: "path on the node"
    case .environmentVariable: "name of a variable"
    case .audience: "audience"
    case .remotePath: "remote path"
    case .object: "object"
    }
  }
}

extension String {
  fileprivate var capitalizedFirst: String {
    guard let first else {
      return self
    }
    return first.uppercased() + dropFirst()
  }
}
