#include "errqueue.h"

#include <linux/errqueue.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void errqueue_read(struct row *row, uint32_t id, struct errors *errors)
{
  for (uint32_t room = errors->capacity - errors->count; room > 0; room--) {
    union endpoint destination;
    uint8_t payload; /* the datagram comes back too, and is not wanted */
    struct iovec vector = {.iov_base = &payload, .iov_len = sizeof payload};
    _Alignas(struct cmsghdr) uint8_t control[256];
    struct msghdr message = {
      .msg_name = &destination,
      .msg_namelen = sizeof destination,
      .msg_iov = &vector,
      .msg_iovlen = 1,
      .msg_control = control,
      .msg_controllen = sizeof control,
    };

    if (syscall(SYS_recvmsg, row->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
      row->error = 0;
      return;
    }
    if (message.msg_namelen == 0)
      continue;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
      if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
          !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
        continue;

      struct sock_extended_err error;
      memcpy(&error, CMSG_DATA(c), sizeof error);
      uint32_t *words = errors->words + errors->count * ERROR_WORDS;
      words[0] = id;
      words[1] = error.ee_errno << 8 | error.ee_origin;
      words[2] = (uint32_t)error.ee_type << 8 | error.ee_code;
      words[3] = error.ee_info;
      record_from_endpoint(&destination, errors->peers + errors->count * RECORD);
      errors->count++;
      break;
    }
  }
}
