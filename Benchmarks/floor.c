// The least that a cold `resolve` can cost: the same calls over libcurl's multi interface, and nothing besides. No document, no
// policy, no failures told, no retries, no wiping of memory; a fault ends it.
//
//   floor ADDRESS ROLE_ID SECRET_ID CA_FILE COUNT IN_FLIGHT ENV_FILE [CYCLES]
//
// It logs in by AppRole, reads COUNT secrets from secret/data/bench/0 on with at most IN_FLIGHT calls under way, writes their
// field `value` into ENV_FILE by rename, SECRET_0 and so on, and revokes its token, as `resolve` does. CA_FILE is `-` over http.
//
// With CYCLES it reads everything so many times again before it revokes, compares, and prints one cycle's milliseconds of CPU.
#define _GNU_SOURCE
#include <curl/curl.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct {
  char *bytes;
  size_t count;
  size_t capacity;
} buffer;

// One place for a call under way. Its handle is set up once; only the URL changes from call to call.
typedef struct {
  CURL *easy;
  buffer body;
  int number;
} lane;

static const char *address;
static const char *ca_file;

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("floor: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static void append(buffer *buffer, const void *bytes, size_t count) {
  size_t needed = buffer->count + count + 1;
  if (needed > buffer->capacity) {
    buffer->capacity = needed < 4096 ? 4096 : needed * 2;
    buffer->bytes = realloc(buffer->bytes, buffer->capacity);
    if (buffer->bytes == NULL) {
      fail("out of memory");
    }
  }
  memcpy(buffer->bytes + buffer->count, bytes, count);
  buffer->count += count;
  // So that it can be searched as text.
  buffer->bytes[buffer->count] = 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
  append(context, bytes, size * count);
  return size * count;
}

static double cpu_milliseconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

// The text of the string member `name`. The benchmark's own secrets have no escapes, and no other member is called `value`, so
// that a search is enough.
static char *member(const char *json, const char *name) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":\"", name);
  const char *begin = json == NULL ? NULL : strstr(json, key);
  if (begin == NULL) {
    fail("an answer without %s: %.200s", name, json == NULL ? "" : json);
  }
  begin += strlen(key);
  size_t count = strcspn(begin, "\"\\");
  if (begin[count] != '"') {
    fail("%s holds an escape", name);
  }
  return strndup(begin, count);
}

static void open_lane(lane *lane, struct curl_slist *headers) {
  CURL *easy = lane->easy = curl_easy_init();
  if (easy == NULL) {
    fail("libcurl gives no handle");
  }
  bool is_tls = strncmp(address, "https:", 6) == 0;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 10000L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  // Over TLS one connection with many streams, over plain HTTP one connection a lane: as the agent's transport does.
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, is_tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, is_tls ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  if (is_tls) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, lane);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &lane->body);
}

static void begin(CURLM *multi, lane *lane, const char *path) {
  char url[512];
  snprintf(url, sizeof url, "%s/v1/%s", address, path);
  lane->body.count = 0;
  curl_easy_setopt(lane->easy, CURLOPT_URL, url);
  curl_multi_add_handle(multi, lane->easy);
}

static void begin_read(CURLM *multi, lane *lane, int number) {
  char path[64];
  snprintf(path, sizeof path, "secret/data/bench/%d", number);
  lane->number = number;
  begin(multi, lane, path);
}

// The lane of a call that has ended; waits for one.
static lane *next_ended(CURLM *multi) {
  int left = 0;
  CURLMsg *message = curl_multi_info_read(multi, &left);
  while (message == NULL) {
    int running = 0;
    curl_multi_perform(multi, &running);
    message = curl_multi_info_read(multi, &left);
    if (message == NULL) {
      curl_multi_poll(multi, NULL, 0, 10000, NULL);
    }
  }
  CURL *easy = message->easy_handle;
  CURLcode code = message->data.result;
  lane *ended = NULL;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &ended);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(multi, easy);
  if (code != CURLE_OK || status / 100 != 2) {
    fail("%s, status %ld", curl_easy_strerror(code), status);
  }
  return ended;
}

// Reads all, and leaves new values in `values`; `true` where one is other than it was.
static bool read_all(CURLM *multi, lane *lanes, int in_flight, char **values, int count) {
  bool changed = false;
  int next = 0;
  int ended = 0;
  while (next < count && next < in_flight) {
    begin_read(multi, &lanes[next], next);
    next += 1;
  }
  while (ended < count) {
    lane *lane = next_ended(multi);
    ended += 1;
    char *value = member(lane->body.bytes, "value");
    if (values[lane->number] == NULL || strcmp(values[lane->number], value) != 0) {
      changed = true;
      free(values[lane->number]);
      values[lane->number] = value;
    } else {
      free(value);
    }
    if (next < count) {
      begin_read(multi, lane, next);
      next += 1;
    }
  }
  return changed;
}

static void sync_and_close(int descriptor) {
  if (descriptor < 0 || fsync(descriptor) != 0) {
    fail("the env file cannot be written");
  }
  close(descriptor);
}

static void write_env_file(const char *path, char **values, int count) {
  buffer text = {0};
  for (int number = 0; number < count; number += 1) {
    char name[32];
    append(&text, name, (size_t)snprintf(name, sizeof name, "SECRET_%d=", number));
    append(&text, "'", 1);
    append(&text, values[number], strlen(values[number]));
    append(&text, "'\n", 2);
  }
  char staged[4096];
  snprintf(staged, sizeof staged, "%s.new", path);
  int file = open(staged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || write(file, text.bytes, text.count) != (ssize_t)text.count) {
    fail("%s cannot be written", staged);
  }
  sync_and_close(file);
  if (rename(staged, path) != 0) {
    fail("%s cannot be replaced", path);
  }
  char folder[4096];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (slash != NULL) {
    *slash = 0;
  }
  sync_and_close(open(slash == NULL ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  free(text.bytes);
}

int main(int argument_count, char **arguments) {
  if (argument_count < 8) {
    fputs("usage: floor ADDRESS ROLE_ID SECRET_ID CA_FILE COUNT IN_FLIGHT ENV_FILE [CYCLES]\n", stderr);
    return 64;
  }
  address = arguments[1];
  ca_file = arguments[4];
  int count = atoi(arguments[5]);
  int in_flight = atoi(arguments[6]);
  const char *env_file = arguments[7];
  int cycles = argument_count > 8 ? atoi(arguments[8]) : 0;
  if (count < 1 || in_flight < 1) {
    fail("COUNT and IN_FLIGHT are positive numbers");
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM *multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);

  lane session = {0};
  open_lane(&session, curl_slist_append(NULL, "Content-Type: application/json"));
  char credentials[512];
  snprintf(credentials, sizeof credentials, "{\"role_id\":\"%s\",\"secret_id\":\"%s\"}", arguments[2], arguments[3]);
  curl_easy_setopt(session.easy, CURLOPT_POSTFIELDS, credentials);
  begin(multi, &session, "auth/approle/login");
  next_ended(multi);
  char *token = member(session.body.bytes, "client_token");

  char line[512];
  snprintf(line, sizeof line, "X-Vault-Token: %s", token);
  struct curl_slist *headers = curl_slist_append(NULL, line);
  lane *lanes = calloc((size_t)in_flight, sizeof *lanes);
  char **values = calloc((size_t)count, sizeof *values);
  for (int place = 0; place < in_flight && place < count; place += 1) {
    open_lane(&lanes[place], headers);
  }
  read_all(multi, lanes, in_flight, values, count);
  write_env_file(env_file, values, count);

  double used = cpu_milliseconds();
  for (int cycle = 0; cycle < cycles; cycle += 1) {
    if (read_all(multi, lanes, in_flight, values, count)) {
      write_env_file(env_file, values, count);
    }
  }
  if (cycles > 0) {
    printf("%.3f\n", (cpu_milliseconds() - used) / cycles);
  }

  curl_easy_setopt(session.easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(session.easy, CURLOPT_POSTFIELDS, "");
  begin(multi, &session, "auth/token/revoke-self");
  next_ended(multi);
  return 0;
}
