#define _GNU_SOURCE
#include "CLinux.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

// Ignored signals survive exec; one that our own starter ignores must reach the child that way, as it would without us.
static void keep_if_ignored(sigset_t *defaults, int number) {
  struct sigaction now;
  if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN) {
    sigdelset(defaults, number);
  }
}

int linux_spawn(const char *path, char *const arguments[], char *const environment[], pid_t *child) {
  // With SIGCHLD ignored the kernel reaps children itself and their exit statuses are lost.
  struct sigaction now;
  if (sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_IGN) {
    signal(SIGCHLD, SIG_DFL);
  }
  sigset_t defaults;
  sigset_t none;
  sigfillset(&defaults);
  sigemptyset(&none);
  keep_if_ignored(&defaults, SIGHUP);
  keep_if_ignored(&defaults, SIGINT);
  keep_if_ignored(&defaults, SIGQUIT);

  posix_spawnattr_t attributes;
  int fault = posix_spawnattr_init(&attributes);
  if (fault != 0) {
    return fault;
  }
  fault = posix_spawnattr_setsigdefault(&attributes, &defaults);
  if (fault == 0) {
    fault = posix_spawnattr_setsigmask(&attributes, &none);
  }
  if (fault == 0) {
    fault = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  if (fault == 0) {
    fault = posix_spawn(child, path, NULL, &attributes, arguments, environment);
  }
  posix_spawnattr_destroy(&attributes);
  return fault;
}

bool linux_wait_exited(int status, int *code) {
  *code = WEXITSTATUS(status);
  return WIFEXITED(status);
}

bool linux_wait_signalled(int status, int *signal) {
  *signal = WTERMSIG(status);
  return WIFSIGNALED(status);
}
