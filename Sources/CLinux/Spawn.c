#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// Ignored signals survive exec; one that our own starter ignores must reach the child that way, as it would without us.
static void keep_if_ignored(sigset_t *defaults, int number) {
  struct sigaction now;
  if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN) {
    sigdelset(defaults, number);
  }
}

static int spawn(
    const char *path, char *const arguments[], char *const environment[], const posix_spawn_file_actions_t *files, short flags,
    pid_t *child) {
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
    fault = posix_spawnattr_setflags(&attributes, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | flags));
  }
  if (fault == 0) {
    fault = posix_spawn(child, path, files, &attributes, arguments, environment);
  }
  posix_spawnattr_destroy(&attributes);
  return fault;
}

enum { most_descriptors = 4096 };
static bool is_inherited[most_descriptors];
static bool knows_inherited = false;

void linux_note_inherited_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) {
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    int descriptor = atoi(entry->d_name);
    if (descriptor < most_descriptors) {
      is_inherited[descriptor] = (fcntl(descriptor, F_GETFD) & FD_CLOEXEC) == 0;
    }
  }
  closedir(folder);
  knows_inherited = true;
}

// Libraries open some without O_CLOEXEC (libcurl's wakeup sockets).
static void close_own_on_exec(void) {
  DIR *folder = knows_inherited ? opendir("/proc/self/fd") : NULL;
  if (folder == NULL) {
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    int descriptor = atoi(entry->d_name);
    if (descriptor > 2 && (descriptor >= most_descriptors || !is_inherited[descriptor])) {
      fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    }
  }
  closedir(folder);
}

int linux_spawn(const char *path, char *const arguments[], char *const environment[], pid_t *child) {
  close_own_on_exec();
  return spawn(path, arguments, environment, NULL, 0, child);
}

int linux_spawn_heard(
    const char *path, char *const arguments[], char *const environment[], int output, int errors, pid_t *child) {
  close_own_on_exec();
  posix_spawn_file_actions_t files;
  int fault = posix_spawn_file_actions_init(&files);
  if (fault != 0) {
    return fault;
  }
  fault = posix_spawn_file_actions_adddup2(&files, output, 1);
  if (fault == 0) {
    fault = posix_spawn_file_actions_adddup2(&files, errors, 2);
  }
  if (fault == 0) {
    fault = spawn(path, arguments, environment, &files, 0, child);
  }
  posix_spawn_file_actions_destroy(&files);
  return fault;
}

int linux_spawn_apart(
    const char *path, char *const arguments[], char *const environment[], int input, int output, int errors,
    pid_t *child) {
  posix_spawn_file_actions_t files;
  int fault = posix_spawn_file_actions_init(&files);
  if (fault != 0) {
    return fault;
  }
  fault = posix_spawn_file_actions_adddup2(&files, output, 1);
  if (fault == 0) {
    fault = errors >= 0 ? posix_spawn_file_actions_adddup2(&files, errors, 2)
                        : posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  }
  if (fault == 0) {
    // Last: `output` may itself be 0 where the agent was started without a standard input.
    fault = input >= 0 ? posix_spawn_file_actions_adddup2(&files, input, 0)
                       : posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  }
  if (fault == 0) {
    fault = posix_spawn_file_actions_addclosefrom_np(&files, 3);
  }
  if (fault == 0) {
    // The attribute's process group is 0 from its initialisation: a new one, called as the child.
    fault = spawn(path, arguments, environment, &files, POSIX_SPAWN_SETPGROUP, child);
  }
  posix_spawn_file_actions_destroy(&files);
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

const char *linux_signal_name(int number) { return sigabbrev_np(number); }

int linux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
