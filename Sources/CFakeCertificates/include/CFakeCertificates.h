// Certificates and signature checks for the fakes, by libcrypto.
#ifndef SECRETS_AGENT_CFAKECERTIFICATES_H
#define SECRETS_AGENT_CFAKECERTIFICATES_H

#include <stddef.h>
#include <stdbool.h>

// What a certificate says. `issuer_*` are NULL for a self-signed authority.
typedef struct {
  const char *common_name;
  // As for openssl's config: "DNS:localhost,IP:127.0.0.1"; NULL for none.
  const char *subject_alternative_names;
  // Seconds from now.
  long not_before;
  long not_after;
  bool is_authority;
  bool is_client;
  const char *issuer_certificate_pem;
  const char *issuer_key_pem;
} fake_certificate_request;

// Fills in two NUL-terminated PEM texts from malloc (EC P-256). False where libcrypto refuses.
bool fake_certificate_make(const fake_certificate_request *request, char **certificate_pem, char **key_pem);

// A new key pair as PEM texts from malloc: "RSA" (2048 bits) or "EC" (P-256).
bool fake_key_make(const char *type, char **private_pem, char **public_pem);

// Signs with SHA-256; the signature comes from malloc (DER for EC keys). NULL where it fails.
unsigned char *fake_sign(const char *private_pem, const void *bytes, size_t count, size_t *signature_count);
bool fake_verify(
  const char *public_pem, const void *bytes, size_t count, const void *signature, size_t signature_count);

// ECDSA signatures of JWTs are R and S of 32 bytes each, libcrypto's are DER. Both results come from malloc.
unsigned char *fake_ecdsa_from_der(const void *der, size_t count);
unsigned char *fake_ecdsa_to_der(const void *raw, size_t *count);

#endif
