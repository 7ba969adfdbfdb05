#include "send.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* The largest UDP payload over IPv4 (RFC 768: 65,535 less two headers). */
#define MOST_OCTETS 65507

/* Segments must not be fragmented, so what exceeds an Ethernet frame with an IPv6 header goes alone. */
#define LARGEST_SEGMENT 1452

#define FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)

void sender_init(struct sender *s)
{
  memset(s, 0, sizeof *s);
  s->gso = kernel_has_gso();
}

static long send_message(struct sender *s, int fd, const struct msghdr *header)
{
  long n;

  do {
    s->calls++;
    /* A lone datagram is most of what there is, and sendto has less to look at. */
    if (header->msg_iovlen == 1 && header->msg_controllen == 0)
      n = sendto(fd, header->msg_iov->iov_base, header->msg_iov->iov_len, FLAGS, header->msg_name,
                 header->msg_namelen);
    else
      n = syscall(SYS_sendmsg, fd, header, FLAGS);
  } while (n < 0 && errno == EINTR);
  return n;
}

static int is_full(int error)
{
  return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

static void lose(struct sender *s, int error, uint32_t datagrams)
{
  if (is_full(error))
    s->losses.queue += datagrams;
  else if (error == EMSGSIZE)
    s->losses.too_long += datagrams;
  else
    s->losses.failed += datagrams;
}

/*
 * Sends again what was refused for another's sake: an ICMP error that came in
 * for an earlier datagram is reported on the next send, once, in place of
 * sending.
 */
static void send_again(struct sender *s, int fd, const struct msghdr *header, int error)
{
  if (!is_full(error) && send_message(s, fd, header) >= 0) {
    s->datagrams++;
    return;
  }
  lose(s, is_full(error) ? error : errno, 1);
}

/* Sends the datagrams of a burst one by one. */
static void send_apart(struct sender *s, int fd, const struct msghdr *burst)
{
  struct msghdr header = *burst;

  /* The segment size is the last thing in the control data. */
  header.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
  if (header.msg_controllen == 0)
    header.msg_control = 0;
  header.msg_iovlen = 1;

  for (size_t i = 0; i < burst->msg_iovlen; i++) {
    header.msg_iov = burst->msg_iov + i;
    if (send_message(s, fd, &header) >= 0)
      s->datagrams++;
    else
      send_again(s, fd, &header, errno);
  }
}

static void refused(struct sender *s, struct row *row, const struct msghdr *header, int error)
{
  if (header->msg_iovlen <= 1) {
    send_again(s, row->fd, header, error);
    return;
  }
  if (is_full(error)) {
    lose(s, error, (uint32_t)header->msg_iovlen);
    return;
  }
  /* EIO: the device cannot compute checksums. Others (a narrow path, an old ICMP error) are of the moment. */
  if (error == EIO)
    row->no_gso = 1;
  send_apart(s, row->fd, header);
}

static void flush(struct sender *s, struct row *row)
{
  uint32_t at = 0;

  while (at < s->count) {
    const struct msghdr *header = &s->messages[at].msg_hdr;
    long n;

    if (s->count - at == 1) {
      n = send_message(s, row->fd, header) < 0 ? -1 : 1;
    } else {
      s->calls++;
      n = syscall(SYS_sendmmsg, row->fd, s->messages + at, s->count - at, FLAGS);
      if (n < 0 && errno == EINTR)
        continue;
    }

    if (n < 0) {
      refused(s, row, header, errno);
      at++;
      continue;
    }
    for (long i = 0; i < n; i++) {
      s->datagrams += (uint32_t)s->messages[at + i].msg_hdr.msg_iovlen;
      s->bursts += s->messages[at + i].msg_hdr.msg_iovlen > 1;
    }
    at += (uint32_t)n;
  }
  s->count = 0;
  s->vectors_used = 0;
}

static size_t put(uint8_t *control, size_t at, int level, int type, const void *value, size_t length)
{
  struct cmsghdr *c = (struct cmsghdr *)(control + at);

  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(c), value, length);
  return at + CMSG_SPACE(length);
}

/* Control data of the slot: what is carried over from the datagram as it arrived. */
static size_t put_carried(uint8_t *control, const struct batch *b, uint32_t slot)
{
  int is4 = b->remote[(size_t)slot * RECORD] == 4;
  size_t at = 0;

  if (b->tos && b->tos[slot]) {
    int tos = b->tos[slot];
    at = put(control, at, is4 ? IPPROTO_IP : IPPROTO_IPV6, is4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof tos);
  }
  if (b->ttl && b->ttl[slot]) {
    int ttl = b->ttl[slot] - 1;
    at = put(control, at, is4 ? IPPROTO_IP : IPPROTO_IPV6, is4 ? IP_TTL : IPV6_HOPLIMIT, &ttl, sizeof ttl);
  }
  return at;
}

static int is_sendable(const struct batch *b, uint32_t slot)
{
  if (b->length[slot] > MOST_OCTETS || b->start[slot] > b->size || b->length[slot] > b->size - b->start[slot])
    return 0;
  /* A TTL of 1 would become 0 here: this is as far as it goes. */
  return !b->ttl || b->ttl[slot] != 1;
}

static int goes_along(const struct batch *b, uint32_t first, uint32_t slot)
{
  return memcmp(b->remote + (size_t)first * RECORD, b->remote + (size_t)slot * RECORD, RECORD) == 0 &&
         b->length[slot] > 0 && b->length[slot] <= b->length[first] &&
         (!b->tos || b->tos[first] == b->tos[slot]) && (!b->ttl || b->ttl[first] == b->ttl[slot]);
}

/* Makes one message of the slots from `slot` on that can leave together. Returns the slot after them. */
static uint32_t put_message(struct sender *s, struct row *row, const struct batch *b, uint32_t base,
                            uint32_t slot)
{
  uint32_t first = slot;
  uint32_t size = b->length[first];
  uint32_t at = s->count;
  struct msghdr *header = &s->messages[at].msg_hdr;
  struct iovec *vectors = s->vectors + s->vectors_used;
  uint32_t n = 0;
  int together = s->gso && !row->no_gso && size > 0 && size <= LARGEST_SEGMENT;

  do {
    uint32_t length = b->length[slot];
    vectors[n].iov_base = b->bytes + b->start[slot];
    vectors[n].iov_len = length;
    n++;
    slot = s->next[slot - base];
    if (length < size)
      break; /* only the last may be shorter */
  } while (together && n < SEGMENTS && slot != NONE && goes_along(b, first, slot));

  socklen_t name = record_to_endpoint(b->remote + (size_t)first * RECORD, row->family, &s->endpoints[at]);
  if (name == 0) {
    s->losses.failed += n;
    return slot;
  }

  size_t control = b->ttl || b->tos ? put_carried(s->controls[at], b, first) : 0;
  if (n > 1) {
    uint16_t segment = (uint16_t)size;
    control = put(s->controls[at], control, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
  }

  header->msg_name = &s->endpoints[at];
  header->msg_namelen = name;
  header->msg_iov = vectors;
  header->msg_iovlen = n;
  header->msg_control = control ? s->controls[at] : 0;
  header->msg_controllen = control;
  header->msg_flags = 0;
  s->vectors_used += n;
  s->count++;
  return slot;
}

/* Sends the slots from `from` up to `to`, at most WINDOW of them. */
static void send_window(struct sender *s, struct table *table, const struct batch *b, uint32_t from,
                        uint32_t to)
{
  uint32_t touched = 0;

  /* A chain of slots for each socket, so that its datagrams leave together and in order. */
  s->stamp++;
  for (uint32_t slot = from; slot < to; slot++) {
    if (b->verdict[slot] != VERDICT_SEND)
      continue;
    uint32_t id = b->socket[slot];
    struct row *row = table_row(table, id);
    if (!row)
      continue;
    if (!is_sendable(b, slot)) {
      s->losses.failed++;
      continue;
    }
    s->next[slot - from] = NONE;
    if (row->stamp == s->stamp) {
      s->next[row->tail - from] = slot;
    } else {
      row->stamp = s->stamp;
      row->head = slot;
      s->touched[touched++] = id;
    }
    row->tail = slot;
  }

  for (uint32_t i = 0; i < touched; i++) {
    struct row *row = &table->rows[s->touched[i]];
    socket_set_dont_fragment(row, 0);
    for (uint32_t slot = row->head; slot != NONE;) {
      slot = put_message(s, row, b, from, slot);
      if (s->count == MESSAGES)
        flush(s, row);
    }
    flush(s, row);
  }
}

void sender_send(struct sender *s, struct table *table, const struct batch *b, uint32_t count)
{
  memset(&s->losses, 0, sizeof s->losses);
  if (count > b->capacity)
    count = b->capacity;

  for (uint32_t from = 0; from < count; from += WINDOW)
    send_window(s, table, b, from, count - from < WINDOW ? count : from + WINDOW);
}

int sender_send_one(struct sender *s, struct row *row, const uint8_t *remote, const void *bytes, size_t length,
                    int dont_fragment)
{
  union endpoint endpoint;
  struct iovec vector = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr header = {.msg_name = &endpoint, .msg_iov = &vector, .msg_iovlen = 1};

  header.msg_namelen = record_to_endpoint(remote, row->family, &endpoint);
  if (header.msg_namelen == 0)
    return -EAFNOSUPPORT;

  socket_set_dont_fragment(row, dont_fragment);
  if (send_message(s, row->fd, &header) < 0) {
    /* As in send_again, but that DF is also a reason of its own. */
    if (is_full(errno) || (errno == EMSGSIZE && dont_fragment) || send_message(s, row->fd, &header) < 0)
      return -errno;
  }
  s->datagrams++;
  return 0;
}
