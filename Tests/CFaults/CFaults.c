#define _GNU_SOURCE
#include "CFaults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local struct faults now;
static _Thread_local bool is_armed;
static _Thread_local bool was_interrupted;
static _Thread_local size_t written;
static _Thread_local char calls[64];

void faults_begin(struct faults faults) {
  now = faults;
  written = 0;
  was_interrupted = false;
  memset(calls, 0, sizeof calls);
  is_armed = true;
}

const char *faults_end(void) {
  is_armed = false;
  return calls;
}

static void note(char call) {
  size_t count = strlen(calls);
  if ((count == 0 || calls[count - 1] != call) && count + 1 < sizeof calls) {
    calls[count] = call;
  }
}

// Every other call.
static bool interrupts(void) {
  was_interrupted = now.interrupted && !was_interrupted;
  return was_interrupted;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  if (is_armed) {
    note('w');
    if (interrupts()) {
      errno = EINTR;
      return -1;
    }
    if (now.write_error != 0) {
      if (written >= now.bytes_before_error) {
        errno = now.write_error;
        return -1;
      }
      count = count < now.bytes_before_error - written ? count : now.bytes_before_error - written;
    }
    if (now.largest_write != 0 && count > now.largest_write) {
      count = now.largest_write;
    }
  }
  ssize_t result = syscall(SYS_write, descriptor, bytes, count);
  if (is_armed && result > 0) {
    written += (size_t)result;
  }
  return result;
}

int fsync(int descriptor) {
  if (is_armed) {
    struct stat status;
    bool is_folder = fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
    note(is_folder ? 'd' : 'f');
    if (interrupts()) {
      errno = EINTR;
      return -1;
    }
    int error = is_folder ? now.folder_flush_error : now.file_flush_error;
    if (error != 0) {
      errno = error;
      return -1;
    }
  }
  return (int)syscall(SYS_fsync, descriptor);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  if (is_armed) {
    note('r');
  }
  return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
