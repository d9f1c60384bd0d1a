import Foundation
import TestSupport
import Testing

/// The pages of docs/ and those at the root as a reader uses them: scripts/docs-test runs every console block, follows every link, and
/// holds that what it does not run could not be run.
@Suite(
  .enabled(
    if: Python.path != nil && ProcessInfo.processInfo.environment["SECRETS_AGENT_BAO"] != nil, "see `make test`"),
  .timeLimit(.minutes(20)))
struct DocumentationTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static let pages: [String] = {
    let files = FileManager.default.enumerator(atPath: root.appendingPathComponent("docs").path)
    let pages = (files?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }
    return ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"] + pages.sorted()
  }()

  private func test(_ pages: [String]) async throws -> Outcome {
    let folder = try ScratchFolder()
    let environment = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
      "SECRETS_AGENT_EXECUTABLE": Built.agent, "SECRETS_AGENT_FAKES": Built.fakes,
      "SECRETS_AGENT_BAO": ProcessInfo.processInfo.environment["SECRETS_AGENT_BAO"] ?? "",
    ]
    let script = Self.root.appendingPathComponent("scripts/docs-test").path
    return try await Run([Python.path ?? "python3", script] + pages, environment: environment, folder: folder).outcome()
  }

  @Test(arguments: pages) func whatThePageShowsIsWhatHappens(page: String) async throws {
    let outcome = try await test([Self.root.appendingPathComponent(page).path])
    #expect(outcome.status == 0, outcome.said)
  }

  @Test func thereArePagesOfEveryProvider() {
    for name in ["vault", "aws", "gcp", "azure", "file"] {
      #expect(Self.pages.contains("docs/providers/\(name).md"))
    }
  }

  // MARK: - The judge itself

  @Test(
    arguments: [
      ("```console\n$ echo one\ntwo\n```\n", "was:\none"), ("```console\n$ false\n```\n", "the page does not say so"),
      ("```console\n$ echo one\n```\n", "was:\none"), ("```console\necho one\n```\n", "begins with a command"),
      ("[gone](gone.md)\n", "gone.md, which is not there"), ("```console\n$ true\n", "has no end"),
      ("# A heading\n[there](#another)\n", "no such heading"),
      ("```console\n$ exit 3\n```\n", "the shell ended"),
      ("```console\n$ test ! -t 1\n```\n", "the page does not say so"),
    ])
  func aPageThatIsWrongIsTold(page: String, words: String) async throws {
    let folder = try ScratchFolder()
    let outcome = try await test([try folder.write(page, as: "page.md")])
    #expect(outcome.status == 1 && outcome.errorText.contains(words), outcome.said)
  }

  @Test(
    arguments: [
      ("`secrets-agent dream`\n", "no such command"), ("`secrets-agent get --loud`\n", "no such option"),
      ("    $ true\n", "a block by indentation"), ("```\n$ true\n```\n", "not one of console, sh"),
      ("```sh\naz login\n```\n", "make it a console block"), ("```sh not-run\naz login (\n```\n", "syntax error"),
      ("```sh not-run\naz login; curl http://127.0.0.1\n```\n", "`curl` can be run here"),
      ("```sh not-run\naz show $(secrets-agent version)\n```\n", "`secrets-agent` can be run here"),
      ("```sh not-run\nmake sense\n```\n", "the Makefile has no sense"),
      ("```sh not-run\nswift test --filter NoSuchTests\n```\n", "no tests are called NoSuchTests"),
      ("```yaml\na: {b\n```\n", "not YAML"), ("```json\n{\"a\"}\n```\n", "not JSON"),
      ("```yaml schema=agent\nsauces: {}\n```\n", "not of config/agent.schema.json"),
      ("```hcl\njob {}\n```\n", "nothing holds the block"),
      ("```hcl in=config/deploy/nomad.hcl\njob {}\n```\n", "do not stand in config/deploy/nomad.hcl"),
    ])
  func aBlockThatIsNotRunIsHeld(page: String, words: String) async throws {
    let folder = try ScratchFolder()
    let outcome = try await test([try folder.write(page, as: "page.md")])
    #expect(outcome.status == 1 && outcome.errorText.contains(words), outcome.said)
  }

  @Test func whatNeedsAnAccountOrABuildIsCounted() async throws {
    let folder = try ScratchFolder()
    let page = """
      - A list

          goes on by indentation.

      ```sh not-run
      # Comments and `secrets-agent` in them are no commands.
      id=$(az ad sp show --id "$CLIENT_ID")
      for name in a b; do
        gcloud secrets describe "$name" --project demo \
          --location europe-west3
      done
      make test TEST_ARGS="--filter DocumentationTests"
      ```
      <!-- docs-test: before
      $ name=world
      -->
      ```console
      $ echo "hello $name"
      hello world
      ```

      """
    let outcome = try await test([try folder.write(page, as: "page.md")])
    #expect(outcome.status == 0 && outcome.outputText.contains("2 commands; 1 block is not run"), outcome.said)
  }

  @Test func whatVariesIsPassedOver() async throws {
    let folder = try ScratchFolder()
    let page = """
      # The heading
      [there](#the-heading)
      ```text title=some/file.txt
      held
      ```
      ```console
      $ cat some/file.txt; date
      held
      …
      $ printf 'a b c\\n'
      a … c
      $ false
      $ echo $?
      1
      $ cat <<END
      > two
      > END
      two
      ```

      """
    let outcome = try await test([try folder.write(page, as: "page.md")])
    #expect(outcome.status == 0 && outcome.outputText.contains("5 commands"), outcome.said)
  }
}
