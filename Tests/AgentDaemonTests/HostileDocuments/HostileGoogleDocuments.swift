/// Google's credentials, and files among them that lead elsewhere themselves.
let hostileGoogleDocuments: [HostileDocument] =
  [
    google("a key to another endpoint", "google", keyFile, elsewhere).on([:], files: key()),
    google("a key to a location that is not allowed", "google", keyFile, #""location": "europe-west3""#)
      .on([:], files: key()),
    google("a key whose token_uri leads elsewhere", "google", keyFile)
      .on([:], files: key(#", "token_uri": "https://attacker.example/token""#)),
    google("a person's consent whose token_uri leads elsewhere", "google", anyFile)
      .on([:], files: file(user(#", "token_uri": "https://attacker.example/token""#))),
    google("a person's consent to another endpoint", "google", anyFile, elsewhere).on([:], files: file(user(""))),
    google("a federation whose token_url leads elsewhere", "google", anyFile)
      .on([:], files: file(federation(ofFile, #", "token_url": "https://attacker.example""#))),
    google("a federation whose subject is asked for elsewhere", "google", anyFile)
      .on([:], files: file(federation(#""url": "https://attacker.example/subject""#, ""))),
    google("a federation whose subject is AWS's, asked for elsewhere", "google", anyFile)
      .on(
        [:],
        files: file(
          federation(
            #"""
            "environment_id": "aws1", "url": "https://attacker.example/credentials",
            "regional_cred_verification_url": "https://sts.{region}.amazonaws.com"
            """#, ""))),
    google("a federation that acts as an account elsewhere", "google", anyFile)
      .on([:], files: file(federation(ofFile, ", \(impersonation)"))),
    google("an account acted as elsewhere", "google", anyFile)
      .on(
        [:],
        files: file(
          #"{"type": "impersonated_service_account", "source_credentials": \#(user("")), \#(impersonation)}"#)),
    google("an account acted as by a consent that leads elsewhere", "google", anyFile)
      .on(
        [:],
        files: file(
          """
          {"type": "impersonated_service_account",
           "source_credentials": \(user(#", "token_uri": "https://attacker.example/token""#)),
           "service_account_impersonation_url":
             "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.iam.gserviceaccount.com:generateAccessToken"}
          """)),
    google("the file that the environment names", "google", "{}", elsewhere)
      .on(["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/credentials/google/file.json"], files: file(user(""))),
    google("gcloud's own file", "google", "{}", elsewhere)
      .on(
        ["HOME": "FOLDER/credentials/google"],
        files: ["credentials/google/.config/gcloud/application_default_credentials.json": user("")]),
    google("the machine's account", "google-machine", #"{"method": "metadata"}"#, elsewhere),
    google("the machine's account by another name", "google-machine", #"{"method": "gce"}"#, elsewhere),
    google("the default credentials' machine", "google-machine", "{}", elsewhere),
    google("the pod's account", "google-machine", #"{"method": "workload_identity"}"#, elsewhere),
    google(
      "the machine's account acting as another", "google-machine", #"{"method": "metadata", \#(account)}"#, elsewhere),
  ]

private let elsewhere = #""endpoint_url": "https://attacker.example""#
private let ofFile = #""file": "FOLDER/credentials/free/token""#
private let account = #""impersonate_service_account": "a@b.iam.gserviceaccount.com""#
private let impersonation = """
  "service_account_impersonation_url": \
  "https://attacker.example/v1/projects/-/serviceAccounts/a@b.iam.gserviceaccount.com:generateAccessToken"
  """
private let keyFile = #"{"service_account_key_file": "FOLDER/credentials/google/key.json"}"#
private let anyFile = #"{"method": "file", "path": "FOLDER/credentials/google/file.json"}"#

private func key(_ more: String = "") -> [String: String] {
  [
    "credentials/google/key.json":
      #"{"type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "private_key": "key"\#(more)}"#
  ]
}

func user(_ more: String) -> String {
  #"{"type": "authorized_user", "client_id": "id", "client_secret": "secret", "refresh_token": "token"\#(more)}"#
}

private func federation(_ source: String, _ more: String) -> String {
  """
  {"type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", \
  "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q", \
  "credential_source": {\(source)}\(more)}
  """
}

func file(_ text: String) -> [String: String] { ["credentials/google/file.json": text] }

func google(_ name: String, _ rule: String?, _ auth: String, _ more: String = "") -> HostileDocument {
  let more = more.isEmpty ? "" : ", \(more)"
  return HostileDocument(
    name, refusedBy: rule.map { "credentials.\($0)" },
    #"{"provider": "gcp_secret_manager", "project": "shop", "auth": \#(auth)\#(more)}"#
  ).asking(for: #""secret": "db""#)
}
