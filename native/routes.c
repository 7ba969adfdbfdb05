#include "routes.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"

/* The groups of rtnetlink(7) as bits; the rules of IPv6 have no name of this kind. */
#define GROUPS                                                                                                   \
  (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE | RTMGRP_IPV6_IFADDR |               \
   RTMGRP_IPV6_ROUTE | 1u << (RTNLGRP_IPV6_RULE - 1))

static int open_netlink(unsigned groups)
{
  struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_groups = groups};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

  if (fd < 0)
    return -errno;
  if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) {
    int error = -errno;
    close(fd);
    return error;
  }
  return fd;
}

int routes_open(void)
{
  return open_netlink(0);
}

int routes_watch(void)
{
  return open_netlink(GROUPS);
}

static int is_delivered(unsigned char type)
{
  return type == RTN_LOCAL || type == RTN_ANYCAST || type == RTN_BROADCAST;
}

/* The kernel answers before sendto() returns, so there is nothing to wait for. */
static int read_answer(int fd, uint32_t sequence)
{
  _Alignas(struct nlmsghdr) char answer[2048];

  for (;;) {
    ssize_t octets = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
    if (octets < 0) {
      if (errno == EINTR)
        continue;
      return -errno;
    }
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    if ((size_t)octets < NLMSG_LENGTH(sizeof(struct rtmsg)) || header->nlmsg_seq != sequence)
      continue;
    if (header->nlmsg_type == RTM_NEWROUTE)
      return is_delivered(((const struct rtmsg *)NLMSG_DATA(header))->rtm_type);
    if (header->nlmsg_type != NLMSG_ERROR)
      return -EPROTO;

    int error = ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
    /* No route, an unreachable one, a prohibited one, a black hole: whatever becomes of the packet, it is not ours. */
    if (error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EACCES || error == -EINVAL)
      return 0;
    return error < 0 ? error : -EPROTO;
  }
}

/* Writes an attribute, for which there is room. Returns what comes behind it. */
static char *write_attribute(char *at, unsigned short type, const void *value, size_t octets)
{
  struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(octets), .rta_type = type};

  memcpy(at, &attribute, sizeof attribute);
  memcpy(at + RTA_LENGTH(0), value, octets);
  return at + RTA_SPACE(octets);
}

int routes_deliver_here(int fd, const uint8_t *record, const uint8_t *source)
{
  static _Thread_local uint32_t sequence;
  uint8_t octets = record[0] == 4 ? 4 : 16;
  struct {
    struct nlmsghdr header;
    struct rtmsg route;
    char attributes[RTA_SPACE(16) + RTA_SPACE(16) + RTA_SPACE(1)];
  } question = {
    .header = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = ++sequence},
    .route = {.rtm_family = octets == 4 ? AF_INET : AF_INET6, .rtm_dst_len = octets * 8},
  };
  uint8_t protocol = IPPROTO_UDP;
  char *end = write_attribute(question.attributes, RTA_DST, record + 4, octets);

  end = write_attribute(end, RTA_IP_PROTO, &protocol, 1);
  if (source && source[0] == record[0]) {
    question.route.rtm_src_len = octets * 8;
    end = write_attribute(end, RTA_SRC, source + 4, octets);
  }
  question.header.nlmsg_len = (uint32_t)(end - (char *)&question);
  if (send(fd, &question, question.header.nlmsg_len, 0) < 0)
    return -errno;
  return read_answer(fd, sequence);
}

static int matters(const struct nlmsghdr *message)
{
  const struct rtmsg *route = NLMSG_DATA(message);
  const struct ifinfomsg *link = NLMSG_DATA(message);

  switch (message->nlmsg_type) {
  case RTM_NEWROUTE:
  case RTM_DELROUTE:
    return message->nlmsg_len < NLMSG_LENGTH(sizeof *route) || route->rtm_type != RTN_UNICAST ||
           route->rtm_dst_len == 0;
  case RTM_NEWLINK:
    /* Radio links tell of much that is not a change of theirs. */
    return message->nlmsg_len < NLMSG_LENGTH(sizeof *link) || link->ifi_change != 0;
  default:
    return 1;
  }
}

int routes_have_changed(int fd)
{
  _Alignas(struct nlmsghdr) char news[8192];
  int changed = 0;

  for (;;) {
    ssize_t octets = recv(fd, news, sizeof news, MSG_DONTWAIT);
    if (octets < 0) {
      if (errno == EINTR)
        continue;
      /* ENOBUFS: there was more than the kernel could keep for us. */
      if (errno == ENOBUFS) {
        changed = 1;
        continue;
      }
      return changed;
    }
    if (octets == 0)
      return changed;
    size_t left = (size_t)octets;
    for (const struct nlmsghdr *m = (const struct nlmsghdr *)news; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left))
      changed |= matters(m);
  }
}
