#define _GNU_SOURCE
#include "CLibcurl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool capped_append(capped_buffer *buffer, const void *bytes, size_t count) {
  if (count > buffer->limit - buffer->count) {
    buffer->overflowed = true;
    return false;
  }
  size_t needed = buffer->count + count;
  if (needed > buffer->capacity) {
    size_t capacity = buffer->capacity < 2048 ? 4096 : buffer->capacity * 2;
    if (capacity < needed) {
      capacity = needed;
    }
    unsigned char *grown = malloc(capacity);
    if (grown == NULL) {
      return false;
    }
    if (buffer->count > 0) {
      memcpy(grown, buffer->bytes, buffer->count);
      explicit_bzero(buffer->bytes, buffer->capacity);
    }
    free(buffer->bytes);
    buffer->bytes = grown;
    buffer->capacity = capacity;
  }
  memcpy(buffer->bytes + buffer->count, bytes, count);
  buffer->count = needed;
  return true;
}

static void capped_clear(capped_buffer *buffer) {
  if (buffer->bytes != NULL) {
    explicit_bzero(buffer->bytes, buffer->capacity);
    free(buffer->bytes);
  }
  size_t limit = buffer->limit;
  memset(buffer, 0, sizeof *buffer);
  buffer->limit = limit;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
  http_transfer *transfer = context;
  capped_buffer *body = &transfer->body;
  if (body->capacity == 0) {
    curl_off_t length = -1;
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length > 0 && (size_t)length > body->limit) {
      body->overflowed = true;
      return 0;
    }
    if (length >= (curl_off_t)(size * count)) {
      body->bytes = malloc((size_t)length);
      body->capacity = body->bytes == NULL ? 0 : (size_t)length;
    }
  }
  return capped_append(body, bytes, size * count) ? size * count : 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context) {
  http_transfer *transfer = context;
  // A new status line begins a new set (after 1xx answers, or a proxy's).
  if (size * count >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
    transfer->headers.count = 0;
  }
  return capped_append(&transfer->headers, bytes, size * count) ? size * count : 0;
}

static bool is_loopback4(uint32_t address) { return (address >> 24) == 127; }
static bool is_link_local4(uint32_t address) { return (address >> 16) == 0xa9fe; }

static bool is_allowed(address_rule rule, const struct sockaddr *address) {
  if (rule == ADDRESS_ANY || address->sa_family == AF_UNIX) {
    return true;
  }
  bool loopback = false;
  bool link_local = false;
  if (address->sa_family == AF_INET) {
    uint32_t ip = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
    loopback = is_loopback4(ip);
    link_local = is_link_local4(ip);
  } else if (address->sa_family == AF_INET6) {
    const struct in6_addr *ip = &((const struct sockaddr_in6 *)address)->sin6_addr;
    // AWS's own services for instances, fd00:ec2::/32; NAT64 (RFC 6052, RFC 8215) and 6to4 (RFC 3056) lead to an IPv4 address.
    static const unsigned char services[4] = {0xfd, 0x00, 0x0e, 0xc2};
    static const unsigned char nat64[4] = {0x00, 0x64, 0xff, 0x9b};
    static const unsigned char via_6to4[2] = {0x20, 0x02};
    if (IN6_IS_ADDR_V4MAPPED(ip) || IN6_IS_ADDR_V4COMPAT(ip)) {
      uint32_t mapped;
      memcpy(&mapped, &ip->s6_addr[12], sizeof mapped);
      loopback = IN6_IS_ADDR_LOOPBACK(ip) || is_loopback4(ntohl(mapped));
      link_local = is_link_local4(ntohl(mapped));
    } else {
      loopback = IN6_IS_ADDR_LOOPBACK(ip);
      link_local = IN6_IS_ADDR_LINKLOCAL(ip) || memcmp(ip->s6_addr, services, sizeof services) == 0;
      uint32_t embedded = 0;
      if (memcmp(ip->s6_addr, nat64, sizeof nat64) == 0) {
        memcpy(&embedded, &ip->s6_addr[12], sizeof embedded);
      } else if (memcmp(ip->s6_addr, via_6to4, sizeof via_6to4) == 0) {
        memcpy(&embedded, &ip->s6_addr[2], sizeof embedded);
      }
      link_local = link_local || is_link_local4(ntohl(embedded));
    }
  } else {
    return false;
  }
  return rule == ADDRESS_LOOPBACK_ONLY ? loopback : !link_local;
}

static curl_socket_t on_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
  (void)purpose;
  http_transfer *transfer = context;
  if (!is_allowed(transfer->rule, &address->addr)) {
    transfer->address_refused = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Before the request is sent, on a kept connection too: the pool is the loop's, and another client may have opened it under another
// rule, so that on_open_socket was never asked.
static int on_connected(void *context, char *ip, char *local, int port, int local_port) {
  (void)local;
  (void)port;
  (void)local_port;
  http_transfer *transfer = context;
  struct sockaddr_in v4 = {.sin_family = AF_INET};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  bool allowed = false;
  if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
    allowed = is_allowed(transfer->rule, (const struct sockaddr *)&v4);
  } else if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1) {
    allowed = is_allowed(transfer->rule, (const struct sockaddr *)&v6);
  }
  if (!allowed) {
    transfer->address_refused = true;
    return CURL_PREREQFUNC_ABORT;
  }
  return CURL_PREREQFUNC_OK;
}

static void set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count) {
  if (count > 0) {
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_NOCOPY};
    curl_easy_setopt(easy, option, &blob);
  }
}

CURLcode http_transfer_configure(http_transfer *transfer, const http_setup *setup) {
  CURL *easy = transfer->easy;
  curl_easy_reset(easy);
  transfer->error[0] = 0;
  transfer->address_refused = false;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, setup->url);
  if (code != CURLE_OK) {
    return code;
  }
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  // Without TLS there is no HTTP/2 to wait for: libcurl would hold every further request back until the first has its answer.
  bool is_tls = strncmp(setup->url, "https:", 6) == 0;
  long version = is_tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1;
  curl_easy_setopt(
    easy, CURLOPT_HTTP_VERSION, setup->prior_knowledge ? (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : version);
  // Debian 12's libcurl puts a second layer of HTTP/2 upon a kept connection without TLS, since nothing was agreed on it (`Curl_http` of
  // 7.88), and every further call fails there without a byte sent. Such calls are logins, of which there are few.
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, setup->prior_knowledge ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, setup->prior_knowledge ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, is_tls ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
  // A Unix socket has no address to ask about, and libcurl gives no connection to a socket of another path.
  if (setup->unix_socket == NULL && transfer->rule != ADDRESS_ANY) {
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
  }
  // A quarter of libcurl's own: answers are small, and each transfer under way has one.
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, setup->timeout_ms);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, setup->connect_timeout_ms);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, setup->user_agent);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, setup->headers);
  curl_easy_setopt(easy, CURLOPT_SHARE, setup->share);
  if (strcmp(setup->method, "HEAD") == 0) {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (setup->has_body) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)setup->body_count);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, setup->body_count > 0 ? setup->body : "");
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, setup->method);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, setup->method);
  }
  if (setup->unix_socket != NULL) {
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, setup->unix_socket);
  }
  if (setup->bypass_proxy) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  }
  // Debian's default CApath keeps libcurl from caching the parsed CA bundle.
  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, setup->skip_verify ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, setup->skip_verify ? 0L : 2L);
  if (setup->ca_pem_count > 0) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    set_blob(easy, CURLOPT_CAINFO_BLOB, setup->ca_pem, setup->ca_pem_count);
  } else if (setup->ca_file != NULL) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, setup->ca_file);
  }
  set_blob(easy, CURLOPT_SSLCERT_BLOB, setup->certificate_pem, setup->certificate_pem_count);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, setup->key_pem, setup->key_pem_count);
  return CURLE_OK;
}

void http_transfer_clear(http_transfer *transfer) {
  capped_clear(&transfer->body);
  capped_clear(&transfer->headers);
}

long http_transfer_status(CURL *easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

long http_transfer_verify_result(CURL *easy) {
  long result = 0;
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
  return result;
}

double http_transfer_connect_seconds(CURL *easy) {
  double seconds = 0;
  curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME, &seconds);
  return seconds;
}

long http_transfer_system_error(CURL *easy) {
  long code = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &code);
  return code;
}

void http_headers_free(struct curl_slist *headers) {
  for (struct curl_slist *each = headers; each != NULL; each = each->next) {
    explicit_bzero(each->data, strlen(each->data));
  }
  curl_slist_free_all(headers);
}

CURLSH *http_share_create(void) {
  CURLSH *share = curl_share_init();
  if (share != NULL) {
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  return share;
}

void http_multi_configure(CURLM *multi) {
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 256L);
}
