#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int linux_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

int linux_peer_credentials(int connection, pid_t *process, uid_t *user, gid_t *group) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return -1;
  }
  *process = peer.pid;
  *user = peer.uid;
  *group = peer.gid;
  return 0;
}

int linux_peer_groups(int connection, gid_t *groups, int room) {
  socklen_t size = (socklen_t)room * sizeof *groups;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) {
    return -1;
  }
  return (int)(size / sizeof *groups);
}

int linux_user_groups(uid_t user, gid_t group, gid_t *groups, int room) {
  size_t size = 64 * 1024;
  char *text = malloc(size);
  if (text == NULL) {
    return -1;
  }
  struct passwd entry;
  struct passwd *found = NULL;
  int count = -1;
  if (getpwuid_r(user, &entry, text, size, &found) == 0 && found != NULL) {
    int wanted = room;
    count = getgrouplist(found->pw_name, group, groups, &wanted) < 0 ? room : wanted;
  }
  free(text);
  return count;
}

int linux_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }
