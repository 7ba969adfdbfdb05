#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef IP_PMTUDISC_OMIT
#define IP_PMTUDISC_OMIT 5
#endif

/* Connections that may wait to be accepted; what Node.js itself asks for. */
#define BACKLOG 511

static int set(int fd, int level, int option, int value)
{
  return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/* The limit of net.core.[rw]mem_max does not bind who has CAP_NET_ADMIN. */
static void set_buffer(int fd, int force, int option, int octets)
{
  if (octets > 0 && set(fd, SOL_SOCKET, force, octets) < 0)
    set(fd, SOL_SOCKET, option, octets);
}

/*
 * DF is clear on what leaves, unless a send asks for it (RFC 8656 §14). On IPv4
 * that is OMIT and not DONT: with DONT the kernel keeps "fragmentation needed"
 * to itself, and forged ones could shrink the path MTU. Over IPv6 only the
 * sender can fragment, so there the path MTU must be heeded.
 */
static int set_path_mtu(int fd, int family, int on)
{
  return family == 4 ? set(fd, IPPROTO_IP, IP_MTU_DISCOVER, on ? IP_PMTUDISC_DO : IP_PMTUDISC_OMIT)
                     : set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, on ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT);
}

/* What every socket of ours has, made here or elsewhere. */
static int configure(int fd, int family, uint32_t flags, int receive_buffer, int send_buffer)
{
  int error;

  set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, receive_buffer);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, send_buffer);

  if ((error = set_path_mtu(fd, family, 0)) < 0)
    return error;
  if (family == 6)
    set_path_mtu(fd, 4, 0); /* for IPv4-mapped peers */

  if (flags & BIND_GRO)
    set(fd, IPPROTO_UDP, UDP_GRO, 1);

  if (flags & BIND_ERRORS) {
    set(fd, IPPROTO_IP, IP_RECVERR, 1);
    if (family == 6)
      set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
  }
  if (flags & BIND_TTL) {
    set(fd, IPPROTO_IP, IP_RECVTTL, 1);
    if (family == 6)
      set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  }
  if (flags & BIND_TOS) {
    set(fd, IPPROTO_IP, IP_RECVTOS, 1);
    if (family == 6)
      set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  }
  return 0;
}

static int local_record(int fd, uint8_t *local)
{
  union endpoint endpoint;
  socklen_t length = sizeof endpoint;

  if (getsockname(fd, &endpoint.any, &length) < 0)
    return -errno;
  if (endpoint.any.sa_family != AF_INET && endpoint.any.sa_family != AF_INET6)
    return -EAFNOSUPPORT;
  record_from_endpoint(&endpoint, local);
  return endpoint.any.sa_family == AF_INET ? 4 : 6;
}

int socket_open(const uint8_t *wanted, uint32_t flags, int receive_buffer, int send_buffer, uint8_t *local)
{
  int family = wanted[0];
  int stream = (flags & BIND_STREAM) != 0;
  int error = 0;
  union endpoint endpoint;
  socklen_t length = record_to_endpoint(wanted, family, &endpoint);

  int type = stream ? SOCK_STREAM : SOCK_DGRAM;
  int fd = socket(endpoint.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;

  if ((flags & BIND_REUSEPORT) && (error = set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) < 0)
    goto out;
  if (family == 6 && (error = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, (flags & BIND_V6ONLY) != 0)) < 0)
    goto out;
  /* For TCP: connections of the server before us may still be winding down. */
  if (stream ? (error = set(fd, SOL_SOCKET, SO_REUSEADDR, 1)) < 0
             : (error = configure(fd, family, flags, receive_buffer, send_buffer)) < 0)
    goto out;
  if (bind(fd, &endpoint.any, length) < 0 || (stream && listen(fd, BACKLOG) < 0)) {
    error = -errno;
    goto out;
  }
  error = local_record(fd, local);

out:
  if (error < 0) {
    close(fd);
    return error;
  }
  return fd;
}

void socket_set_dont_fragment(struct row *row, int on)
{
  if (row->dont_fragment == on)
    return;
  set_path_mtu(row->fd, row->family, on);
  if (row->family == 6)
    set_path_mtu(row->fd, 4, on);
  row->dont_fragment = (uint8_t)on;
}

int kernel_has_gro(void)
{
  struct utsname name;
  char *end;

  if (uname(&name) < 0)
    return 0;
  long major = strtol(name.release, &end, 10);
  long minor = *end == '.' ? strtol(end + 1, 0, 10) : 0;
  return major > 5 || (major == 5 && minor >= 12);
}

int kernel_has_gso(void)
{
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return 0;

  int size;
  socklen_t length = sizeof size;
  int known = getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &length) == 0;
  close(fd);
  return known;
}

int table_init(struct table *table)
{
  memset(table, 0, sizeof *table);
  table->epoll = epoll_create1(EPOLL_CLOEXEC);
  return table->epoll < 0 ? -errno : 0;
}

/* Notes which descriptor row `id` holds; -1 for none. */
static void note(struct table *table, uint32_t id, int fd)
{
  if (id < table->kept_capacity)
    __atomic_store_n(&table->kept[id], (uint32_t)(fd + 1), __ATOMIC_RELEASE);
}

void table_abandon(struct table *table)
{
  for (uint32_t id = 0; id < table->capacity && id < table->kept_capacity; id++)
    table->rows[id].fd = -1;
  table_free(table);
}

void table_free(struct table *table)
{
  for (uint32_t id = 0; id < table->capacity; id++)
    table_close(table, id);
  free(table->rows);
  table->rows = 0;
  table->capacity = 0;
  if (table->epoll >= 0)
    close(table->epoll);
  table->epoll = -1;
}

static int check_datagram(int fd)
{
  int type;
  socklen_t length = sizeof type;

  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
    return -errno;
  return type == SOCK_DGRAM ? 0 : -EPROTOTYPE;
}

/* The only place that takes memory after the start. */
static int grow(struct table *table, uint32_t id)
{
  uint32_t capacity = table->capacity ? table->capacity : 64;

  if (id >= MOST_ROWS)
    return -EMFILE;
  while (capacity <= id)
    capacity *= 2;
  if (capacity == table->capacity)
    return 0;

  struct row *rows = realloc(table->rows, capacity * sizeof *rows);
  if (!rows)
    return -ENOMEM;
  memset(rows + table->capacity, 0, (capacity - table->capacity) * sizeof *rows);
  for (uint32_t i = table->capacity; i < capacity; i++)
    rows[i].fd = -1;
  table->rows = rows;
  table->capacity = capacity;
  return 0;
}

int table_bind(struct table *table, uint32_t id, int fd, const uint8_t *wanted, uint32_t flags,
               int receive_buffer, int send_buffer, uint8_t *local)
{
  int adopted = fd >= 0;
  int family;
  int error = grow(table, id);

  if (error < 0)
    return error;
  if (table->rows[id].fd >= 0)
    return -EBUSY;

  if (adopted) {
    if ((error = check_datagram(fd)) < 0)
      return error;
    if ((family = local_record(fd, local)) < 0)
      return family;
    if ((error = configure(fd, family, flags, receive_buffer, send_buffer)) < 0)
      return error;
  } else {
    if ((fd = socket_open(wanted, flags, receive_buffer, send_buffer, local)) < 0)
      return fd;
    family = wanted[0];
  }

  struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = id}};
  if (epoll_ctl(table->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
    error = -errno;
    if (!adopted)
      close(fd);
    return error;
  }

  struct row *row = &table->rows[id];
  row->fd = fd;
  row->generation = ++table->generations;
  row->family = (uint8_t)family;
  row->dont_fragment = 0;
  row->no_gso = (flags & BIND_APART) != 0;
  row->error = 0;
  row->dense = 0;
  row->polled = 0;
  row->stamp = 0;
  note(table, id, fd);
  table->open++;
  return 0;
}

int table_give(struct table *table, uint32_t id)
{
  struct row *row = table_row(table, id);

  if (!row)
    return -EBADF;
  int fd = row->fd;
  /* Another descriptor of an adopted socket may live on elsewhere, and would keep the watch alive. */
  epoll_ctl(table->epoll, EPOLL_CTL_DEL, fd, 0);
  note(table, id, -1);
  row->fd = -1;
  table->open--;
  return fd;
}

void table_close(struct table *table, uint32_t id)
{
  int fd = table_give(table, id);

  if (fd >= 0)
    close(fd);
}

uint32_t table_receive_buffer(const struct table *table, uint32_t id)
{
  int octets = 0;
  socklen_t length = sizeof octets;

  getsockopt(table->rows[id].fd, SOL_SOCKET, SO_RCVBUF, &octets, &length);
  return (uint32_t)octets;
}
