import EventLoop
import ExecutionModel
import ProviderKit
import SecretBytes

/// Makes one generation of an execution: logs in, fetches what the plan names, extracts fields, encodes. All or nothing.
public struct Resolver: Sendable {
  private let registry: ProviderRegistry
  private let pool: ProviderPool
  private let time: any TimeSource

  public init(registry: ProviderRegistry, pool: ProviderPool, time: any TimeSource) {
    self.registry = registry
    self.pool = pool
    self.time = time
  }

  /// - Parameter limit: for the whole of it; what has no answer by then fails.
  /// - Throws: every failed entry.
  public func resolve(_ plan: ExecutionPlan, within limit: Duration) async throws(GenerationFailure) -> Generation {
    let fetched = await fetch(plan, within: limit)
    var secrets: [Generation.Secret] = []
    var failures: [SecretFailure] = []
    var extractions: [Reference: Result<FieldExtraction, FieldExtraction.Fault>] = [:]
    for item in plan.items {
      let reference = plan.groups[item.group].references[item.reference]
      let connection = plan.groups[item.group].connection
      let result = fetched[item.group][item.reference]
      do throws(ProviderFailure) {
        let secret = try result.get()
        let fields = FailingFields(
          connection: connection.name, reference: registry.describe(reference), payload: secret.payload)
        secrets += try self.secrets(of: item.entry, connection, secret, fields, &extractions[reference])
      } catch {
        failures.append(
          SecretFailure(secret: item.entry.name, failure: error.about(registry.describe(reference))))
      }
    }
    guard failures.isEmpty else {
      throw GenerationFailure(failures: failures)
    }
    return Generation(secrets: secrets)
  }

  /// Logs in to every connection of `plan` and fetches nothing: one result a group.
  public func logIn(
    _ plan: ExecutionPlan, within limit: Duration
  ) async -> [Result<LoginReport, ProviderFailure>] {
    await limited(to: limit) {
      await inOrder(plan.groups, atMost: plan.groups.count) { group in
        do throws(ProviderFailure) {
          return .success(try await provider(group.connection).logIn())
        } catch {
          return .failure(error)
        }
      }
    }
  }

  /// Connections go side by side; each bounds its own calls.
  private func fetch(_ plan: ExecutionPlan, within limit: Duration) async -> [[FetchResult]] {
    await limited(to: limit) {
      await inOrder(plan.groups, atMost: plan.groups.count) { group in
        do throws(ProviderFailure) {
          return await (try provider(group.connection)).fetch(group.references)
        } catch {
          return group.references.map { _ in .failure(error) }
        }
      }
    }
  }

  private func provider(_ connection: ProviderConnection) async throws(ProviderFailure) -> any SecretProvider {
    do throws(DocumentFault) {
      return try await pool.provider(connection)
    } catch {
      throw ProviderFailure(.malformed, connection: connection.name, error.message)
    }
  }

  /// Runs `work` and cancels it at the limit; cancelled calls come back as failures of their own.
  private func limited<Outcome: Sendable>(
    to limit: Duration, _ work: @escaping @Sendable () async -> Outcome
  ) async -> Outcome {
    let time = time
    return await withTaskGroup(of: Outcome?.self) { group in
      // At the limit the work is cancelled, and its outcome awaited all the same: it tells what each call had come to.
      group.addTask { await work() }
      group.addTask {
        try? await time.sleep(for: limit)
        return nil
      }
      while let finished = await group.next() {
        group.cancelAll()
        if let outcome = finished {
          return outcome
        }
      }
      // Not reached: the work always has an outcome. Without the line there would be none to return.
      return await work()
    }
  }

  // MARK: - Fields and encoding

  /// What a field's fault is told of.
  private struct FailingFields {
    let connection: String
    let reference: String
    let payload: SecretBytes

    func failure(_ fault: FieldExtraction.Fault) -> ProviderFailure {
      ProviderFailure(.missing, connection: connection, reference: reference, fault.message)
    }
  }

  private func secrets(
    of entry: SecretEntry, _ connection: ProviderConnection, _ fetched: FetchedSecret, _ fields: FailingFields,
    _ extraction: inout Result<FieldExtraction, FieldExtraction.Fault>?
  ) throws(ProviderFailure) -> [Generation.Secret] {
    let suffixes: [String?] =
      connection.descriptor.outputs.isEmpty ? [entry.field] : connection.descriptor.outputs.map { $0 }
    var secrets: [Generation.Secret] = []
    for (name, field) in zip(entry.outputs, suffixes) {
      let value: SecretBytes
      if let field {
        let parsed = extraction ?? Self.parsed(fields.payload)
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
          name: name, value: entry.encoding == .base64 ? Base64.encode(value) : value, entry: entry.name,
          version: fetched.version, expiry: fetched.expiry))
    }
    return secrets
  }

  private static func parsed(_ payload: SecretBytes) -> Result<FieldExtraction, FieldExtraction.Fault> {
    do throws(FieldExtraction.Fault) {
      return .success(try FieldExtraction(payload: payload))
    } catch {
      return .failure(error)
    }
  }
}
