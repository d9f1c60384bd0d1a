#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

void linux_wipe(void *pointer, size_t count) {
  if (count > 0) {
    explicit_bzero(pointer, count);
  }
}

// The flag is open(2)'s: with FD_CLOEXEC, which is another number, the call is refused everywhere.
static int secret_memory(void) { return (int)syscall(SYS_memfd_secret, O_CLOEXEC); }

bool linux_has_secret_memory(void) {
  int secret = secret_memory();
  if (secret < 0) {
    return false;
  }
  close(secret);
  return true;
}

void *linux_secret_map(size_t count) {
  int secret = secret_memory();
  if (secret >= 0) {
    void *pointer = MAP_FAILED;
    if (ftruncate(secret, (off_t)count) == 0) {
      pointer = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_SHARED, secret, 0);
    }
    close(secret);
    if (pointer != MAP_FAILED) {
      // A child of fork has no business with the parent's plaintext.
      madvise(pointer, count, MADV_DONTFORK);
      return pointer;
    }
  }
  void *pointer = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pointer == MAP_FAILED) {
    return NULL;
  }
  // Each of these is a wish: the lock fails over RLIMIT_MEMLOCK, and the value must be held all the same.
  mlock(pointer, count);
  madvise(pointer, count, MADV_DONTDUMP);
  madvise(pointer, count, MADV_WIPEONFORK);
  return pointer;
}

void linux_secret_unmap(void *pointer, size_t count) {
  explicit_bzero(pointer, count);
  munmap(pointer, count);
}

int linux_open_beneath(int directory, const char *path, int flags, mode_t mode, bool follow) {
  struct open_how how;
  memset(&how, 0, sizeof how);
  how.flags = (unsigned long long)flags | O_CLOEXEC;
  how.mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (follow ? 0 : RESOLVE_NO_SYMLINKS);
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int linux_open_root(const char *path) { return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC); }

int linux_open_temporary(int directory, mode_t mode) {
  return openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

int linux_link_temporary(int descriptor, int directory, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
}

int linux_openat(int directory, const char *path, int flags, mode_t mode) {
  return openat(directory, path, flags | O_CLOEXEC, mode);
}

const char *linux_error_name(int code) { return strerrorname_np(code); }

const char *linux_error_text(int code) { return strerrordesc_np(code); }

int linux_forbid_dumps(void) {
  // Not RLIMIT_CORE as well: a child would inherit that.
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

long linux_descriptor_limit(void) { return sysconf(_SC_OPEN_MAX); }

void linux_raise_descriptor_limit(long most) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= (rlim_t)most) {
    return;
  }
  limit.rlim_cur = limit.rlim_max < (rlim_t)most ? limit.rlim_max : (rlim_t)most;
  setrlimit(RLIMIT_NOFILE, &limit);
}
