// What Glibc's Swift overlay does not import, and the few calls that have no libc wrapper.
#ifndef SECRETS_AGENT_CLINUX_H
#define SECRETS_AGENT_CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/types.h>

// memset that the compiler must not remove.
void linux_wipe(void *pointer, size_t count);

// Memory for plaintext: memfd_secret(2) where the kernel offers it, else locked and left out of core dumps.
// Returns NULL with errno set where not even plain memory can be had. `count` is a multiple of the page size.
void *linux_secret_map(size_t count);

// Whether the kernel offers memfd_secret(2): since 5.14, unless it was built or started without.
bool linux_has_secret_memory(void);

void linux_secret_unmap(void *pointer, size_t count);

// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, and RESOLVE_NO_SYMLINKS where `follow` is false.
// Returns a file descriptor, or -1 with errno set (ENOSYS where the kernel has no openat2).
int linux_open_beneath(int directory, const char *path, int flags, mode_t mode, bool follow);

// The folder that linux_open_beneath starts from: O_PATH, so that it need not be readable itself.
int linux_open_root(const char *path);

// Anonymous file in `directory` (O_TMPFILE), then given a name. -1 with errno set on failure.
int linux_open_temporary(int directory, mode_t mode);
int linux_link_temporary(int descriptor, int directory, const char *name);

// open(2) and openat(2) are variadic.
int linux_openat(int directory, const char *path, int flags, mode_t mode);

// posix_spawn(3) of the file at `path`: an empty signal mask, default dispositions for every signal but SIGHUP, SIGINT and
// SIGQUIT, which stay ignored where they are (nohup, a shell's background job); same process group, so that the terminal's
// keys reach the child. Returns 0 or an errno value.
int linux_spawn(const char *path, char *const arguments[], char *const environment[], pid_t *child);

// The same, with `output` as standard output and `errors` as standard error, both of at least 3.
int linux_spawn_heard(
    const char *path, char *const arguments[], char *const environment[], int output, int errors, pid_t *child);

// The same in a process group of its own, with `input` as standard input (-1: /dev/null; else at least 3), `output` as standard
// output, `errors` as standard error (-1: /dev/null), and no other descriptor.
int linux_spawn_apart(
    const char *path, char *const arguments[], char *const environment[], int input, int output, int errors,
    pid_t *child);

// Remembers the descriptors that the process was started with: those reach the children of linux_spawn, and none that was opened since.
void linux_note_inherited_descriptors(void);

// A signal's name without SIG (`TERM`), NULL for unknown ones and those of real time.
const char *linux_signal_name(int number);

/// Gives pages of the heap that hold nothing back to the kernel (malloc_trim(3)), unless the heap is larger than so many bytes.
void linux_release_free_memory(size_t largest_heap);

/// Further threads share the heap of the first in place of reserving one each (mallopt(3), M_ARENA_MAX).
void linux_use_one_heap(void);

// Descriptors that this process may have open at once (RLIMIT_NOFILE).
long linux_descriptor_limit(void);

// Raises that limit as far as the process may, to `most` at the most.
void linux_raise_descriptor_limit(long most);

// pipe2(2), closed on exec: the reading end, then the writing end. 0 or -1 with errno set.
int linux_pipe(int ends[2]);

// pidfd_open(2): readable when the process has ended. -1 with errno set.
int linux_pidfd_open(pid_t process);

// What the WIF* macros of waitpid(2) say: true and the status or the signal's number.
bool linux_wait_exited(int status, int *code);
bool linux_wait_signalled(int status, int *signal);

// What errno values are called (ENOSPC) and say, independent of locale and safe in threads; NULL for unknown ones.
const char *linux_error_name(int code);
const char *linux_error_text(int code);

// accept4(2), non-blocking and closed on exec. -1 with errno set.
int linux_accept(int listener);

// Who connected to a Unix socket, as the kernel saw it then (SO_PEERCRED). 0 or -1 with errno set.
int linux_peer_credentials(int connection, pid_t *process, uid_t *user, gid_t *group);

// The other groups of the peer's process (SO_PEERGROUPS), and those that the user database gives a user: how many there are, at
// most `room`; -1 where it is not known.
int linux_peer_groups(int connection, gid_t *groups, int room);
int linux_user_groups(uid_t user, gid_t group, gid_t *groups, int room);

// No core dumps, no ptrace by processes of the same user. 0 or -1 with errno set.
int linux_forbid_dumps(void);

#endif
