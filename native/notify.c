#include "notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int notify(const char *path, const char *text, size_t length, const int *fds, size_t count)
{
  union {
    struct cmsghdr header;
    char octets[CMSG_SPACE(NOTIFY_DESCRIPTORS * sizeof(int))];
  } control;
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t octets = strlen(path);

  if (octets == 0 || (path[0] != '/' && path[0] != '@'))
    return -EINVAL;
  if (octets >= sizeof to.sun_path)
    return -ENAMETOOLONG;
  if (count > NOTIFY_DESCRIPTORS)
    return -EINVAL;
  memcpy(to.sun_path, path, octets);
  if (path[0] == '@')
    to.sun_path[0] = 0;

  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;

  socklen_t size = (socklen_t)(sizeof(sa_family_t) + octets + (path[0] == '/'));
  struct iovec io = {(void *)text, length};
  struct msghdr message = {.msg_name = &to, .msg_namelen = size, .msg_iov = &io, .msg_iovlen = 1};
  if (count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
  }
  ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  int error = sent < 0 ? -errno : 0;
  close(fd);
  return error;
}
