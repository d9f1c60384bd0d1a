// libcurl (Debian libcurl4-openssl-dev) with typed wrappers for its variadic calls, and the callbacks of a transfer in C, so that
// no Swift frame runs inside libcurl.
#ifndef SECRETS_AGENT_CLIBCURL_H
#define SECRETS_AGENT_CLIBCURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

// What a socket may connect to, whatever a name resolves to.
typedef enum { ADDRESS_ANY = 0, ADDRESS_NO_LINK_LOCAL = 1, ADDRESS_LOOPBACK_ONLY = 2 } address_rule;

// A capped buffer; growing wipes the place that it leaves.
typedef struct {
  unsigned char *bytes;
  size_t count;
  size_t capacity;
  size_t limit;
  bool overflowed;
} capped_buffer;

// What one transfer writes to. Owned by Swift, one for each easy handle.
typedef struct {
  capped_buffer body;
  capped_buffer headers;
  char error[CURL_ERROR_SIZE];
  address_rule rule;
  bool address_refused;
  CURL *easy;
} http_transfer;

// How one transfer is made. Every pointer stays valid until the transfer is over.
typedef struct {
  const char *url;
  const char *method;
  const void *body;
  size_t body_count;
  bool has_body;
  struct curl_slist *headers;
  long timeout_ms;
  long connect_timeout_ms;
  const char *user_agent;
  const char *unix_socket;
  const char *ca_file;
  const void *ca_pem;
  size_t ca_pem_count;
  const void *certificate_pem;
  size_t certificate_pem_count;
  const void *key_pem;
  size_t key_pem_count;
  bool skip_verify;
  bool bypass_proxy;
  // HTTP/2 from the first byte, without TLS to agree on it.
  bool prior_knowledge;
  CURLSH *share;
} http_setup;

CURLcode http_transfer_configure(http_transfer *transfer, const http_setup *setup);
void http_transfer_clear(http_transfer *transfer);

long http_transfer_status(CURL *easy);
long http_transfer_verify_result(CURL *easy);
double http_transfer_connect_seconds(CURL *easy);
// errno of the last failed connection, 0 for none.
long http_transfer_system_error(CURL *easy);

// Frees a list of headers, its text overwritten first.
void http_headers_free(struct curl_slist *headers);

CURLSH *http_share_create(void);
void http_multi_configure(CURLM *multi);

// Between the two, each connection of this thread gives libcurl a bounded share of what has arrived.
void http_turn_begin(void);
void http_turn_end(void);
// Whether libcurl reads through here.
bool http_turns_are_limited(void);

#endif
