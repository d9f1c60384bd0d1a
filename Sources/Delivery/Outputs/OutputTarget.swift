import SecretBytes

/// What a delivery did to one output.
public enum OutputChange: Sendable, Equatable {
  /// Nothing: content, owner and mode were right already, and the file was not touched.
  case none
  /// Owner or mode were set right; the content was right already.
  case permissions
  /// New content is in place.
  case content
}

/// What a delivery did.
public struct DeliveryOutcome: Sendable {
  /// `nil` where the target has no env file.
  public let environmentFile: OutputChange?
  /// `nil` where the target has no files directory.
  public let filesDirectory: OutputChange?
  /// What did not hinder the delivery, such as an old generation that could not be removed.
  public let warnings: [DeliveryFault]

  /// True where the workload has something new to read.
  public var hasNewContent: Bool { environmentFile == .content || filesDirectory == .content }
}

/// The outputs of one execution, which change together.
///
/// Everything is first written, flushed and read back beside the old outputs; a fault until then (a full disk, a value that the
/// format cannot carry, a folder that is missing) leaves the old outputs byte for byte as they were, and nothing temporary behind.
/// Then the two take their places by one rename each, back to back. Between the two renames, some microseconds, a reader can see the
/// new files beside the old env file; a power cut there can keep it so until the next delivery. If the second rename fails the
/// first is undone.
public struct OutputTarget: Sendable, Hashable {
  public let environmentFile: EnvironmentFileOutput?
  public let filesDirectory: FilesDirectoryOutput?

  public init(environmentFile: EnvironmentFileOutput? = nil, filesDirectory: FilesDirectoryOutput? = nil) {
    self.environmentFile = environmentFile
    self.filesDirectory = filesDirectory
  }

  /// Prepares one generation, all but the renames. Throws every fault of either output.
  public func stage(_ secrets: [DeliveredSecret]) throws(DeliveryFaults) -> StagedGeneration {
    try StagedGeneration(self, secrets)
  }

  /// ``stage(_:)`` and ``StagedGeneration/commit()`` in one.
  public func deliver(_ secrets: [DeliveredSecret]) throws(DeliveryFaults) -> DeliveryOutcome {
    let generation = try stage(secrets)
    return try generation.commit()
  }

  /// Removes both outputs, when the execution has ended or left its source; what is not there is no fault. The values are
  /// unlinked, not overwritten: on flash and on copy-on-write file systems overwriting would reach other cells than those that hold
  /// them. Where that matters, put outputs on a tmpfs such as `/run`.
  public func remove() throws(DeliveryFaults) {
    var faults: [DeliveryFault] = []
    do throws(DeliveryFault) {
      try environmentFile?.remove()
    } catch {
      faults.append(error)
    }
    do throws(DeliveryFault) {
      try filesDirectory?.remove()
    } catch {
      faults.append(error)
    }
    if let faults = DeliveryFaults(faults) {
      throw faults
    }
  }
}

/// A generation that waits beside the old one; if it is dropped uncommitted, it vanishes without a trace.
public struct StagedGeneration: ~Copyable {
  private var environmentFile: StagedEnvironmentFile?
  private var files: StagedFiles?

  fileprivate init(_ target: OutputTarget, _ secrets: [DeliveredSecret]) throws(DeliveryFaults) {
    var faults: [DeliveryFault] = []
    environmentFile = nil
    files = nil
    do throws(DeliveryFaults) {
      if let output = target.environmentFile {
        environmentFile = try StagedEnvironmentFile.stage(output, secrets)
      }
    } catch {
      faults += error.faults
    }
    do throws(DeliveryFaults) {
      if let output = target.filesDirectory {
        files = try StagedFiles.stage(output, secrets)
      }
    } catch {
      faults += error.faults
    }
    if let faults = DeliveryFaults(faults) {
      throw faults
    }
  }

  /// Puts the generation in place.
  ///
  /// A fault that is thrown means that the old outputs are in place, or, where it says so, that not even going back succeeded.
  public consuming func commit() throws(DeliveryFaults) -> DeliveryOutcome {
    let changes = (environmentFile?.change, files?.change)
    var warnings: [DeliveryFault] = []
    try files?.swap()
    do throws(DeliveryFault) {
      try environmentFile?.commit()
    } catch {
      throw DeliveryFaults(error, files?.rollBack() ?? [])
    }
    // From here on the new generation is the one that counts, whatever happens.
    do throws(DeliveryFault) {
      try environmentFile?.flush()
    } catch {
      warnings.append(error)
    }
    warnings += files?.finish() ?? []
    return DeliveryOutcome(environmentFile: changes.0, filesDirectory: changes.1, warnings: warnings)
  }
}
