#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

napi_value netlink_call(napi_env env, napi_callback_info info)
{
  static const struct timeval PATIENCE = { .tv_sec = 1 };
  napi_value a[MOST_ARGUMENTS];
  size_t length, room;
  void *request, *answer;

  value_arguments(env, info, a);
  if (value_octets(env, a[0], &request, &length) < 0 || value_octets(env, a[1], &answer, &room) < 0)
    return value_from_int32(env, -EINVAL);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0)
    return value_from_int32(env, -errno);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &PATIENCE, sizeof PATIENCE);
  ssize_t got = send(fd, request, length, 0) < 0 ? -1 : recv(fd, answer, room, 0);
  int32_t result = got < 0 ? -errno : (int32_t)got;
  close(fd);
  return value_from_int32(env, result);
}
