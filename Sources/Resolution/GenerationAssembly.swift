import ExecutionModel
import ProviderKit
import SecretBytes

/// Makes the generation of an execution out of what was fetched: extracts fields, encodes. All or nothing.
public enum GenerationAssembly {
  /// - Parameters:
  ///   - limit: bytes of all values together.
  ///   - result: what the item's reference gave.
  /// - Throws: every failed entry.
  public static func assemble(
    _ plan: ExecutionPlan, atMost limit: Int, _ result: (ExecutionPlan.Item) -> FetchResult
  ) throws(GenerationFailure) -> Generation {
    var secrets: [Generation.Secret] = []
    var failures: [SecretFailure] = []
    var bytes = 0
    var extractions: [Reference: Extraction] = [:]
    for item in plan.items {
      let reference = plan.groups[item.group].references[item.reference]
      let connection = plan.groups[item.group].connection
      do throws(ProviderFailure) {
        let secret = try result(item).get()
        let fields = FailingFields(
          connection: connection.name, reference: reference.description, payload: secret.payload)
        let made = try Self.secrets(of: item.entry, secret, fields, &extractions[reference])
        bytes += made.reduce(0) { $0 + $1.value.count }
        guard bytes <= limit else {
          throw ProviderFailure(
            .malformed, connection: connection.name,
            "with it the execution's values take over \(limit) bytes, the policy's max_execution_bytes")
        }
        secrets += made
      } catch {
        // With the reference that it has: a login's is of none of those that waited for it.
        failures.append(SecretFailure(secret: item.entry.name, failure: error))
      }
    }
    guard failures.isEmpty else {
      throw GenerationFailure(failures: failures)
    }
    return Generation(secrets: secrets)
  }

  private typealias Extraction = Result<FieldExtraction, FieldExtraction.Fault>

  /// What a field's fault is told of.
  private struct FailingFields {
    let connection: String
    let reference: String
    let payload: SecretBytes

    func failure(_ fault: FieldExtraction.Fault) -> ProviderFailure {
      ProviderFailure(.missing, connection: connection, reference: reference, fault.message)
    }
  }

  private static func secrets(
    of entry: SecretEntry, _ fetched: FetchedSecret, _ fields: FailingFields, _ extraction: inout Extraction?
  ) throws(ProviderFailure) -> [Generation.Secret] {
    var secrets: [Generation.Secret] = []
    for output in entry.outputs {
      let value: SecretBytes
      if let field = output.field {
        let parsed = extraction ?? self.parsed(fields.payload)
        extraction = parsed
        do throws(FieldExtraction.Fault) {
          value = try parsed.get().value(of: field)
        } catch {
          throw fields.failure(error)
        }
      } else {
        value = fetched.payload
      }
      secrets.append(
        Generation.Secret(
          name: output.name, value: entry.encoding == .base64 ? Base64.encode(value) : value, entry: entry.name,
          version: fetched.version, expiry: fetched.expiry, fetchedAt: fetched.fetchedAt))
    }
    return secrets
  }

  private static func parsed(_ payload: SecretBytes) -> Extraction {
    do throws(FieldExtraction.Fault) {
      return .success(try FieldExtraction(payload: payload))
    } catch {
      return .failure(error)
    }
  }
}
