#define _GNU_SOURCE
#include "CLibcurl.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

// libcurl takes HTTP/2 frames for as long as more of them are there, so that a server that sends empty, priority or unknown ones without
// end would hold the loop past every time limit. Its reads come through here: a connection that had its share of a turn is told that
// nothing more is there, and libcurl asks again in the next.

enum { SHARE = 64 * 1024, PLACES = 1024 };

static _Thread_local struct {
  unsigned long turn;
  int descriptor;
  size_t bytes;
} reads[PLACES];

static _Thread_local unsigned long turn;
static _Thread_local bool is_limited;

void http_turn_begin(void) {
  turn += 1;
  is_limited = true;
}

void http_turn_end(void) { is_limited = false; }

ssize_t recv(int descriptor, void *buffer, size_t size, int flags) {
  if (!is_limited || descriptor < 0) {
    return recvfrom(descriptor, buffer, size, flags, NULL, NULL);
  }
  size_t place = (size_t)descriptor % PLACES;
  if (reads[place].turn != turn || reads[place].descriptor != descriptor) {
    reads[place].turn = turn;
    reads[place].descriptor = descriptor;
    reads[place].bytes = 0;
  }
  if (reads[place].bytes >= SHARE) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t count = recvfrom(descriptor, buffer, size, flags, NULL, NULL);
  if (count > 0) {
    reads[place].bytes += (size_t)count;
  }
  return count;
}

bool http_turns_are_limited(void) { return dlsym(RTLD_DEFAULT, "recv") == (void *)recv; }
