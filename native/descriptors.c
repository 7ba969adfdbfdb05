#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

union control {
  struct cmsghdr header;
  char octets[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
};

napi_value descriptors_send(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  union control control;
  char octet = 0;
  struct iovec io = { &octet, 1 };
  struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control };
  size_t octets;
  void *fds;

  value_arguments(env, info, a);
  if (value_octets(env, a[1], &fds, &octets) < 0 || octets > MOST_DESCRIPTORS * sizeof(int))
    return value_from_int32(env, -EINVAL);
  memset(&control, 0, sizeof control);
  message.msg_controllen = CMSG_SPACE(octets);
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(octets);
  memcpy(CMSG_DATA(&control.header), fds, octets);
  return value_from_int32(env, sendmsg(value_int32(env, a[0]), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0);
}

/* Takes the descriptors that came with a message; fewer or more than wanted are closed. Returns 0 or a negated errno. */
static int take(struct msghdr *message, void *into, size_t octets)
{
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
      continue;
    size_t came = c->cmsg_len - CMSG_LEN(0);
    if (came == octets) {
      memcpy(into, CMSG_DATA(c), octets);
      return 0;
    }
    for (size_t i = 0; i < came / sizeof(int); i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      close(fd);
    }
  }
  /* The kernel leaves out those for which this process has no room. */
  return message->msg_flags & MSG_CTRUNC ? -EMFILE : -EPROTO;
}

static int receive(int connection, void *into, size_t octets, int flags)
{
  union control control;
  char octet;
  struct iovec io = { &octet, 1 };
  struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  ssize_t got;

  do
    got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC | flags);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return -errno;
  return got == 0 ? -ECONNRESET : take(&message, into, octets);
}

napi_value descriptors_receive(napi_env env, napi_callback_info info)
{
  static const struct timeval PATIENCE = { .tv_sec = 1 };
  napi_value a[MOST_ARGUMENTS];
  struct sockaddr_un to = { .sun_family = AF_UNIX };
  size_t length, octets;
  void *into;

  value_arguments(env, info, a);
  if (napi_get_value_string_utf8(env, a[0], to.sun_path, sizeof to.sun_path, &length) != napi_ok ||
      value_octets(env, a[1], &into, &octets) < 0 || octets > MOST_DESCRIPTORS * sizeof(int))
    return value_from_int32(env, -EINVAL);
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0)
    return value_from_int32(env, -errno);
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &PATIENCE, sizeof PATIENCE);
  int error = connect(connection, (struct sockaddr *)&to, sizeof to) < 0 ? -errno : receive(connection, into, octets, 0);
  if (error == 0)
    return value_from_int32(env, connection);
  close(connection);
  return value_from_int32(env, error);
}

napi_value descriptors_take(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  size_t octets;
  void *into;

  value_arguments(env, info, a);
  if (value_octets(env, a[1], &into, &octets) < 0 || octets > MOST_DESCRIPTORS * sizeof(int))
    return value_from_int32(env, -EINVAL);
  return value_from_int32(env, receive(value_int32(env, a[0]), into, octets, MSG_DONTWAIT));
}

napi_value descriptors_peer(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct ucred peer;
  socklen_t length = sizeof peer;

  value_arguments(env, info, a);
  if (getsockopt(value_int32(env, a[0]), SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
    return value_from_int32(env, -errno);
  return value_from_int32(env, (int32_t)peer.uid);
}

napi_value descriptors_pair(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  int pair[2];
  size_t octets;
  void *into;

  value_arguments(env, info, a);
  if (value_octets(env, a[0], &into, &octets) < 0 || octets != sizeof pair)
    return value_from_int32(env, -EINVAL);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    return value_from_int32(env, -errno);
  memcpy(into, pair, sizeof pair);
  return value_from_int32(env, 0);
}

/* What others may not change: neither the length, on which a process that maps the file relies, nor these seals. */
#define FIXED_LENGTH (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

napi_value descriptors_memory(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];

  value_arguments(env, info, a);
  uint32_t octets = value_uint32(env, a[0]);
  int fd = (int)syscall(SYS_memfd_create, "taciturn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0)
    return value_from_int32(env, -errno);
  if (fchmod(fd, S_IRUSR | S_IWUSR) == 0 &&
      (octets == 0 || (ftruncate(fd, octets) == 0 && fcntl(fd, F_ADD_SEALS, FIXED_LENGTH) == 0)))
    return value_from_int32(env, fd);
  int error = errno;
  close(fd);
  return value_from_int32(env, -error);
}
