/// The version of the agent and of all that is packaged with it, as semantic versioning writes it: the one place where it stands.
/// Packages, the image, man pages and the bill of materials read it from here (`scripts/version`), and `make lint` compares
/// `CHANGELOG.md` and the manifests in `config/deploy` with it.
public let agentVersion = "0.1.0"
