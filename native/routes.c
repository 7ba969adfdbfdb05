#include "routes.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"

/* Attributes of rules that older headers do not name. */
#define RULE_DSCP 25
#define RULE_SPORT_MASK 28

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

int routes_deliver_here(int fd, const uint8_t *record, const uint8_t *source, uint8_t tos)
{
  static const uint8_t ANY[16], NO_PORT[2];
  static _Thread_local uint32_t sequence;
  uint8_t octets = record[0] == 4 ? 4 : 16;
  struct {
    struct nlmsghdr header;
    struct rtmsg route;
    char attributes[2 * RTA_SPACE(16) + RTA_SPACE(1) + 2 * RTA_SPACE(2)];
  } question = {
    .header = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = ++sequence},
    .route = {.rtm_family = octets == 4 ? AF_INET : AF_INET6, .rtm_dst_len = octets * 8, .rtm_tos = tos},
  };
  uint8_t protocol = IPPROTO_UDP;
  char *end = write_attribute(question.attributes, RTA_DST, record + 4, octets);

  end = write_attribute(end, RTA_IP_PROTO, &protocol, 1);
  if (memcmp(record + 2, NO_PORT, 2))
    end = write_attribute(end, RTA_DPORT, record + 2, 2);
  if (source && memcmp(source + 2, NO_PORT, 2))
    end = write_attribute(end, RTA_SPORT, source + 2, 2);
  if (source && source[0] == record[0] && memcmp(source + 4, ANY, octets)) {
    question.route.rtm_src_len = octets * 8;
    end = write_attribute(end, RTA_SRC, source + 4, octets);
  }
  question.header.nlmsg_len = (uint32_t)(end - (char *)&question);
  if (send(fd, &question, question.header.nlmsg_len, 0) < 0)
    return -errno;
  return read_answer(fd, sequence);
}

/* Where what rules go by is written, three words each. */
struct selectors {
  uint32_t *words;
  size_t room;
  size_t count; /* of those found, be there room or not */
};

static void found(struct selectors *all, uint32_t kind, uint32_t from, uint32_t to)
{
  const uint32_t one[3] = {kind, from, to};

  for (size_t i = 0; i < all->count && i < all->room; i++)
    if (memcmp(all->words + 3 * i, one, sizeof one) == 0)
      return;
  if (all->count++ < all->room)
    memcpy(all->words + 3 * (all->count - 1), one, sizeof one);
}

static void read_rule(struct selectors *all, const struct nlmsghdr *message)
{
  const struct fib_rule_hdr *rule = NLMSG_DATA(message);
  const struct rtattr *a = (const struct rtattr *)((const char *)rule + NLMSG_ALIGN(sizeof *rule));
  size_t left = message->nlmsg_len - NLMSG_LENGTH(sizeof *rule);
  struct fib_rule_port_range ports;
  uint16_t mask = 0xffff;

  if (rule->family != AF_INET && rule->family != AF_INET6)
    return;
  if (rule->tos)
    found(all, ROUTES_TOS, rule->tos, rule->tos);
  for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    switch (a->rta_type) {
    case FRA_SPORT_RANGE:
      if (RTA_PAYLOAD(a) < sizeof ports)
        break;
      memcpy(&ports, RTA_DATA(a), sizeof ports);
      found(all, ROUTES_RELAY_PORT, ports.start, ports.end);
      break;
    case FRA_DPORT_RANGE:
      found(all, ROUTES_PEER_PORT, 0, 0);
      break;
    case RULE_DSCP:
      if (RTA_PAYLOAD(a) >= 1)
        found(all, ROUTES_TOS, *(const uint8_t *)RTA_DATA(a) << 2, *(const uint8_t *)RTA_DATA(a) << 2);
      break;
    case RULE_SPORT_MASK:
      if (RTA_PAYLOAD(a) >= sizeof mask)
        memcpy(&mask, RTA_DATA(a), sizeof mask);
      if (mask != 0xffff)
        found(all, ROUTES_OTHER, 0, 0);
      break;
    case FRA_FWMARK:
      found(all, ROUTES_OTHER, 0, 0);
      break;
    }
  }
}

static void read_route(struct selectors *all, const struct nlmsghdr *message)
{
  const struct rtmsg *route = NLMSG_DATA(message);

  if (route->rtm_tos && is_delivered(route->rtm_type))
    found(all, ROUTES_TOS, route->rtm_tos, route->rtm_tos);
}

/* Reads all that a dump says. Returns 0, or a negative errno. */
static int read_dump(int fd, struct selectors *all)
{
  _Alignas(struct nlmsghdr) char news[16384];

  for (;;) {
    ssize_t octets = recv(fd, news, sizeof news, MSG_DONTWAIT);
    if (octets < 0 && errno == EINTR)
      continue;
    if (octets <= 0)
      return octets < 0 ? -errno : -EPROTO;
    size_t left = (size_t)octets;
    for (const struct nlmsghdr *m = (const struct nlmsghdr *)news; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type == NLMSG_DONE)
        return 0;
      if (m->nlmsg_type == NLMSG_ERROR)
        return m->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))
                 ? -EPROTO
                 : ((const struct nlmsgerr *)NLMSG_DATA(m))->error;
      if (m->nlmsg_type == RTM_NEWRULE && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct fib_rule_hdr)))
        read_rule(all, m);
      if (m->nlmsg_type == RTM_NEWROUTE && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg)))
        read_route(all, m);
    }
  }
}

/* Asks for all rules, or all IPv4 routes of the table `local`, which are those that may go by TOS. */
static int dump(uint16_t type, struct selectors *all)
{
  static const int ON = 1;
  struct {
    struct nlmsghdr header;
    struct rtmsg route; /* as long as fib_rule_hdr */
  } question = {
    .header = {.nlmsg_len = sizeof question, .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
  };
  int fd = routes_open();

  if (fd < 0)
    return fd;
  if (type == RTM_GETROUTE) {
    question.route.rtm_family = AF_INET;
    question.route.rtm_table = RT_TABLE_LOCAL;
    /* Before Linux 4.20 all tables come. */
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &ON, sizeof ON);
  }
  int result = send(fd, &question, sizeof question, 0) < 0 ? -errno : read_dump(fd, all);
  close(fd);
  return result;
}

int routes_rules(uint32_t *words, size_t room)
{
  struct selectors all = {.words = words, .room = room};
  int error = dump(RTM_GETRULE, &all);

  /* A kernel without rules has nothing to say. */
  if (error < 0 && error != -EOPNOTSUPP && error != -EAFNOSUPPORT)
    return error;
  if ((error = dump(RTM_GETROUTE, &all)) < 0)
    return error;
  return all.count > room ? -E2BIG : (int)all.count;
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
