#include "CFakeCertificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(BIO *bio) {
  char *bytes = NULL;
  long count = BIO_get_mem_data(bio, &bytes);
  char *text = malloc((size_t)count + 1);
  if (text != NULL) {
    memcpy(text, bytes, (size_t)count);
    text[count] = 0;
  }
  BIO_free(bio);
  return text;
}

static EVP_PKEY *private_key(const char *pem) {
  BIO *bio = BIO_new_mem_buf(pem, -1);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  BIO_free(bio);
  return key;
}

static void add_extension(X509 *certificate, X509 *issuer, int id, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
  if (extension != NULL) {
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
}

bool fake_certificate_make(const fake_certificate_request *request, char **certificate_pem, char **key_pem) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  X509 *issuer = certificate;
  EVP_PKEY *signer = key;
  if (key == NULL || certificate == NULL) {
    return false;
  }
  if (request->issuer_certificate_pem != NULL) {
    BIO *bio = BIO_new_mem_buf(request->issuer_certificate_pem, -1);
    issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    signer = private_key(request->issuer_key_pem);
  }
  if (issuer == NULL || signer == NULL) {
    return false;
  }
  unsigned char serial[8];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7f;
  BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  X509_set_version(certificate, 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), request->not_before);
  X509_gmtime_adj(X509_getm_notAfter(certificate), request->not_after);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(
    X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, (const unsigned char *)request->common_name, -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  add_extension(
    certificate, issuer, NID_basic_constraints, request->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add_extension(
    certificate, issuer, NID_key_usage, request->is_authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  if (!request->is_authority) {
    add_extension(certificate, issuer, NID_ext_key_usage, request->is_client ? "clientAuth" : "serverAuth");
  }
  if (request->subject_alternative_names != NULL) {
    add_extension(certificate, issuer, NID_subject_alt_name, request->subject_alternative_names);
  }
  bool signed_ = X509_sign(certificate, signer, EVP_sha256()) > 0;
  if (signed_) {
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    *certificate_pem = text_of(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    *key_pem = text_of(bio);
  }
  if (issuer != certificate) {
    X509_free(issuer);
    EVP_PKEY_free(signer);
  }
  X509_free(certificate);
  EVP_PKEY_free(key);
  return signed_ && *certificate_pem != NULL && *key_pem != NULL;
}

bool fake_key_make(const char *type, char **private_pem, char **public_pem) {
  EVP_PKEY *key = strcmp(type, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
  if (key == NULL) {
    return false;
  }
  BIO *bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
  *private_pem = text_of(bio);
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key);
  *public_pem = text_of(bio);
  EVP_PKEY_free(key);
  return *private_pem != NULL && *public_pem != NULL;
}

unsigned char *fake_sign(const char *private_pem, const void *bytes, size_t count, size_t *signature_count) {
  EVP_PKEY *key = private_key(private_pem);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  unsigned char *signature = NULL;
  if (key != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1
      && EVP_DigestSign(context, NULL, signature_count, bytes, count) == 1) {
    signature = malloc(*signature_count);
    if (signature != NULL && EVP_DigestSign(context, signature, signature_count, bytes, count) != 1) {
      free(signature);
      signature = NULL;
    }
  }
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return signature;
}

bool fake_verify(
  const char *public_pem, const void *bytes, size_t count, const void *signature, size_t signature_count) {
  BIO *bio = BIO_new_mem_buf(public_pem, -1);
  EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
  BIO_free(bio);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool good = key != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1
    && EVP_DigestVerify(context, signature, signature_count, bytes, count) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return good;
}

unsigned char *fake_ecdsa_from_der(const void *der, size_t count) {
  const unsigned char *next = der;
  ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &next, (long)count);
  unsigned char *raw = signature == NULL ? NULL : malloc(64);
  if (raw != NULL) {
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32);
  }
  ECDSA_SIG_free(signature);
  return raw;
}

unsigned char *fake_ecdsa_to_der(const void *raw, size_t *count) {
  ECDSA_SIG *signature = ECDSA_SIG_new();
  const unsigned char *bytes = raw;
  ECDSA_SIG_set0(signature, BN_bin2bn(bytes, 32, NULL), BN_bin2bn(bytes + 32, 32, NULL));
  unsigned char *der = NULL;
  int length = i2d_ECDSA_SIG(signature, &der);
  ECDSA_SIG_free(signature);
  if (length <= 0) {
    return NULL;
  }
  unsigned char *copy = malloc((size_t)length);
  if (copy != NULL) {
    memcpy(copy, der, (size_t)length);
    *count = (size_t)length;
  }
  OPENSSL_free(der);
  return copy;
}
