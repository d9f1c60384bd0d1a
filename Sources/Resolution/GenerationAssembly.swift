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
    var extractions: [Reference: Extractions] = [:]
    for item in plan.items {
      let reference = plan.groups[item.group].references[item.reference]
      let connection = plan.groups[item.group].connection
      do throws(ProviderFailure) {
        let secret = try result(item).get()
        let fields = FailingFields(connection: connection.name, reference: reference.description)
        let made = try Self.secrets(of: item.entry, secret, fields, &extractions[reference, default: Extractions()])
        bytes += made.reduce(0) { $0 + $1.value.count }
        guard bytes <= limit else {
          throw ProviderFailure(
            .malformed, connection: connection.name,
            "with it the execution's values take over \(limit) bytes, the policy's max_execution_bytes")
        }
        secrets += made
      } catch {
        // With the reference that it has: a login's is of none of those that waited for it.
        failures.append(SecretFailure(secret: item.entry.name, failure: error.told(by: connection.name)))
      }
    }
    guard failures.isEmpty else {
      throw GenerationFailure(failures: failures)
    }
    return Generation(secrets: secrets)
  }

  private typealias Extraction = Result<FieldExtraction, FieldExtraction.Fault>

  /// Of a reference's value, and of the version before; each parsed once, however many entries take fields of it.
  private struct Extractions {
    var current: Extraction?
    var previous: Extraction?
  }

  /// What a field's fault is told of.
  private struct FailingFields {
    let connection: String
    let reference: String

    func failure(_ fault: FieldExtraction.Fault) -> ProviderFailure {
      ProviderFailure(.missing, connection: connection, reference: reference, fault.message)
    }
  }

  private static func secrets(
    of entry: SecretEntry, _ fetched: FetchedSecret, _ fields: FailingFields, _ extractions: inout Extractions
  ) throws(ProviderFailure) -> [Generation.Secret] {
    var secrets: [Generation.Secret] = []
    for output in entry.outputs {
      let made =
        output.isPrevious
        ? previous(output, of: entry, fetched, &extractions.previous)
        : try current(output, of: entry, fetched, fields, &extractions.current)
      if let made {
        secrets.append(made)
      }
    }
    return secrets
  }

  private static func current(
    _ output: SecretEntry.Output, of entry: SecretEntry, _ fetched: FetchedSecret, _ fields: FailingFields,
    _ extraction: inout Extraction?
  ) throws(ProviderFailure) -> Generation.Secret {
    do throws(FieldExtraction.Fault) {
      let value = try value(output, in: fetched.payload, &extraction)
      return secret(output, of: entry, value, fetched.version, fetched)
    } catch {
      throw fields.failure(error)
    }
  }

  /// `nil` where there is no version before, or it had no such field yet.
  private static func previous(
    _ output: SecretEntry.Output, of entry: SecretEntry, _ fetched: FetchedSecret, _ extraction: inout Extraction?
  ) -> Generation.Secret? {
    guard case .value(let payload, let version)? = fetched.previous else {
      return nil
    }
    do throws(FieldExtraction.Fault) {
      return secret(output, of: entry, try value(output, in: payload, &extraction), version, fetched)
    } catch {
      return nil
    }
  }

  private static func value(
    _ output: SecretEntry.Output, in payload: SecretBytes, _ extraction: inout Extraction?
  ) throws(FieldExtraction.Fault) -> SecretBytes {
    guard let field = output.field else {
      return payload
    }
    let parsed = extraction ?? parsed(payload)
    extraction = parsed
    return try parsed.get().value(of: field)
  }

  private static func secret(
    _ output: SecretEntry.Output, of entry: SecretEntry, _ value: SecretBytes, _ version: String?,
    _ fetched: FetchedSecret
  ) -> Generation.Secret {
    Generation.Secret(
      name: output.name, value: entry.encoding == .base64 ? Base64.encode(value) : value, entry: entry.name,
      version: version, expiry: fetched.expiry, fetchedAt: fetched.fetchedAt)
  }

  private static func parsed(_ payload: SecretBytes) -> Extraction {
    do throws(FieldExtraction.Fault) {
      return .success(try FieldExtraction(payload: payload))
    } catch {
      return .failure(error)
    }
  }
}
