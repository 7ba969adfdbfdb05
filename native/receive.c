#include "receive.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Octets from one cell to the next. No multiple of a page, lest all cells compete for the same cache sets. */
#define CELL (LARGEST + 128)

/* Reads of a dense socket that may bring just one datagram before it counts as sparse. */
#define DENSE 8

/*
 * Fruitless looks for more at once, after a read of a single datagram, until
 * that is left to the next wake; and wakes after which it is tried again. A look
 * costs one call into the kernel, a wake three.
 */
#define EAGER 8
#define TRY_AGAIN 16

/* Errors of one socket that are taken to be of one datagram each, before it is left alone. */
#define PATIENCE 4

/* The kernel overwrites lengths, so they are set again after every use. */
static void reset(struct receiver *r, uint32_t cell)
{
  struct msghdr *header = &r->messages[cell].msg_hdr;

  header->msg_namelen = sizeof r->endpoints[cell];
  header->msg_controllen = sizeof r->controls[cell];
}

int receiver_init(struct receiver *r, const struct batch *batch)
{
  r->batch = *batch;
  r->stride = batch->capacity ? (uint32_t)(batch->size / batch->capacity) & ~7u : 0;
  if (r->stride < HEADROOM + LARGEST + TAILROOM || batch->size > UINT32_MAX)
    return -EINVAL;
  if (!(r->cells = calloc(CELLS, CELL)))
    return -ENOMEM;

  for (uint32_t i = 0; i < CELLS; i++) {
    r->vectors[i].iov_base = r->cells + i * CELL;
    r->vectors[i].iov_len = LARGEST;
    r->messages[i].msg_hdr.msg_name = &r->endpoints[i];
    r->messages[i].msg_hdr.msg_iov = &r->vectors[i];
    r->messages[i].msg_hdr.msg_iovlen = 1;
    r->messages[i].msg_hdr.msg_control = r->controls[i];
    reset(r, i);
  }
  return 0;
}

void receiver_free(struct receiver *r)
{
  free(r->cells);
  r->cells = 0;
}

/* What the kernel said about a datagram besides its octets. */
struct ancillary {
  uint32_t segment; /* octets of each glued datagram but the last; 0 if it came alone */
  uint8_t ttl;
  uint8_t tos;
};

static struct ancillary read_ancillary(struct msghdr *header)
{
  struct ancillary a = {0, 0, 0};

  for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
    int value;

    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
      a.tos = *CMSG_DATA(c); /* the one that is an octet */
      continue;
    }
    if (c->cmsg_len < CMSG_LEN(sizeof value))
      continue;
    memcpy(&value, CMSG_DATA(c), sizeof value);
    if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
      a.segment = value > 0 ? (uint32_t)value : 0;
    else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
      a.ttl = (uint8_t)value;
    else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)
      a.ttl = (uint8_t)value;
    else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
      a.tos = (uint8_t)value;
  }
  return a;
}

/* Hands up what is in the cells, in order, until all is or the batch is full. */
static void unpack(struct receiver *r)
{
  struct batch *b = &r->batch;

  while (r->staged_first < r->staged_end) {
    uint32_t cell = r->staged_first;
    struct msghdr *header = &r->messages[cell].msg_hdr;
    uint32_t total = r->messages[cell].msg_len;
    struct ancillary a = {0, 0, 0};
    if (header->msg_controllen > 0)
      a = read_ancillary(header);
    uint32_t segment = a.segment && a.segment < total ? a.segment : total;

    do {
      if (r->count == b->capacity)
        return;
      uint32_t slot = r->count++;
      uint32_t start = slot * r->stride + HEADROOM;
      uint32_t left = total - r->staged_offset;
      uint32_t length = left < segment ? left : segment;

      memcpy(b->bytes + start, r->cells + cell * CELL + r->staged_offset, length);
      b->start[slot] = start;
      b->length[slot] = length;
      b->socket[slot] = r->staged_socket;
      b->verdict[slot] = 0;
      b->ttl[slot] = a.ttl;
      b->tos[slot] = a.tos;
      record_from_endpoint(&r->endpoints[cell], b->remote + (size_t)slot * RECORD);
      r->staged_offset += length;
    } while (r->staged_offset < total);

    reset(r, cell);
    r->staged_first++;
    r->staged_offset = 0;
  }
}

static void poll_sockets(struct receiver *r, struct table *table)
{
  int n = epoll_wait(table->epoll, r->events, EVENTS, 0);

  r->event = 0;
  r->event_end = n > 0 ? n : 0;
  r->polls++;
  if (r->woken)
    r->woken = 0;
  else if (n > 0)
    r->eager = EAGER;
  else if (r->eager > 0)
    r->eager--;
  for (int i = 0; i < n; i++) {
    struct row *row = &table->rows[r->events[i].data.u32];
    if (r->events[i].events & EPOLLERR)
      row->error = 1;
    if (row->polled == r->polls - 1)
      row->dense = DENSE;
    row->polled = r->polls;
  }
}

/* Takes messages into the cells. Returns how many; 0 when the socket is empty. */
static uint32_t take(struct receiver *r, struct row *row)
{
  for (int patience = PATIENCE; patience > 0; patience--) {
    long n;

    r->calls++;
    if (row->dense) {
      n = syscall(SYS_recvmmsg, row->fd, r->messages, CELLS, MSG_DONTWAIT, 0);
      row->dense = n > 1 ? DENSE : row->dense - 1;
      r->doubt |= n == CELLS;
    } else {
      n = syscall(SYS_recvmsg, row->fd, &r->messages[0].msg_hdr, MSG_DONTWAIT);
      if (n >= 0) {
        r->messages[0].msg_len = (unsigned)n;
        n = 1;
        r->doubt |= r->eager > 0 || r->by_timer;
      }
    }
    if (n >= 0)
      return (uint32_t)n;
    if (errno == EAGAIN)
      return 0;
    /* An ICMP error is told once and is then forgotten. Its details are in the error queue. */
    row->error = 1;
  }
  return 0;
}

/* Hands up what was left of a full batch, unless its socket was closed. The row may be another's by now. */
static void unpack_rest(struct receiver *r, const struct table *table)
{
  const struct row *row = table_row(table, r->staged_socket);

  if (row && row->generation == r->staged_generation) {
    unpack(r);
    return;
  }
  for (; r->staged_first < r->staged_end; r->staged_first++)
    reset(r, r->staged_first);
  r->staged_offset = 0;
}

uint32_t receiver_read(struct receiver *r, struct table *table)
{
  r->count = 0;
  r->errors.count = 0;
  r->doubt = 0;

  unpack_rest(r, table);
  if (r->event == r->event_end)
    poll_sockets(r, table);

  while (r->event < r->event_end && r->count < ENOUGH && r->staged_first == r->staged_end) {
    uint32_t id = r->events[r->event++].data.u32;
    struct row *row = table_row(table, id);
    if (!row)
      continue;

    r->staged_first = 0;
    r->staged_end = take(r, row);
    r->staged_socket = id;
    r->staged_generation = row->generation;
    if (row->error)
      errqueue_read(row, id, &r->errors);
    unpack(r);
  }

  r->datagrams += r->count;
  return r->count;
}

void receiver_wake(struct receiver *r, int by_timer)
{
  r->by_timer = by_timer;
  r->polls++;
  r->woken = 1;
  if (r->eager == 0 && ++r->wakes % TRY_AGAIN == 0)
    r->eager = 1;
}

int receiver_has_more(const struct receiver *r)
{
  return r->doubt || r->event < r->event_end || r->staged_first < r->staged_end;
}
