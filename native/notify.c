#include "notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int notify(const char *path, const char *text, size_t length)
{
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t octets = strlen(path);

  if (octets == 0 || (path[0] != '/' && path[0] != '@'))
    return -EINVAL;
  if (octets >= sizeof to.sun_path)
    return -ENAMETOOLONG;
  memcpy(to.sun_path, path, octets);
  if (path[0] == '@')
    to.sun_path[0] = 0;

  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;

  socklen_t size = (socklen_t)(sizeof(sa_family_t) + octets + (path[0] == '/'));
  ssize_t sent = sendto(fd, text, length, MSG_NOSIGNAL, (struct sockaddr *)&to, size);
  int error = sent < 0 ? -errno : 0;
  close(fd);
  return error;
}
