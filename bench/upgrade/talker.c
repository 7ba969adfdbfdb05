/*
 * Talks and listens for calls whose sockets it opens: evenly, by a clock of its own, and with the kernel's receive times,
 * so that what it measures is the relay and not itself. Asked by standard input and answers on standard output, both in
 * frames: a length of 32 bits, a letter, and what belongs to it, in network order. It ends with its input.
 *
 *   o ID TRANSPORT FAMILY PORT    opens a socket to a port of loopback: u, t, or p for a peer, which is connected later;
 *                                 answered by o ID PORT with the port of its own
 *   c ID PORT                     connects a peer
 *   s ID OCTETS                   sends
 *   x ID                          closes
 *   w FROM TO OFFSET PACKET       one way of a call: the packet, in which the payload begins at the offset. Ways are
 *                                 numbered from 0
 *   g, h                          begins to talk, and stops
 *   r                             answered by r LATE, and for each way GAP DELAY SENT HEARD TWICE since the last r;
 *                                 nanoseconds of 64 bits, and numbers of 32 since the beginning
 *   m ID OCTETS                   told, not asked: what a socket hears besides payloads
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
  MOST = 8192,
  LARGEST = 2048,
  STREAM = 1 << 16,
  QUEUE = 1 << 20,
  /* Payload: magic, way, number, time. */
  HEAD = 20,
  READS = 64,
  HURRY = -10,
};

static const uint32_t MAGIC = 0x7461636b;
static const uint64_t EVERY = 20000000, TICK = 1000000, BEHIND = 100000000;
static const uint64_t STDIN = UINT64_MAX, CLOCK = UINT64_MAX - 1;

struct line {
  int descriptor;
  char transport;
  /* What a stream has not said yet, and what of a frame was heard. */
  uint8_t *unsaid, *heard;
  size_t unsaid_length, heard_length;
};

struct way {
  uint32_t from, to, sent, distinct, twice;
  size_t offset, length;
  uint64_t last, gap, delay;
  uint8_t packet[LARGEST];
  uint8_t *seen;
  size_t room;
};

static struct line *lines[MOST];
static struct way *ways[MOST];
static uint32_t way_count, turn;
static uint64_t cycle, late;
static int talking, epoll;

static void die(const char *what)
{
  perror(what);
  exit(1);
}

static uint64_t nanoseconds(const struct timespec *time)
{
  return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

/* Of the wall clock, as the kernel's receive times are. */
static uint64_t now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return nanoseconds(&time);
}

static void *have(void *memory)
{
  if (!memory)
    die("memory");
  return memory;
}

static uint32_t get32(const uint8_t *at)
{
  uint32_t value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

static uint16_t get16(const uint8_t *at)
{
  return (uint16_t)(at[0] << 8 | at[1]);
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
  value = htonl(value);
  memcpy(at, &value, 4);
  return at + 4;
}

static uint8_t *put64(uint8_t *at, uint64_t value)
{
  value = htobe64(value);
  memcpy(at, &value, 8);
  return at + 8;
}

static void write_all(const uint8_t *bytes, size_t length)
{
  while (length > 0) {
    ssize_t wrote = write(STDOUT_FILENO, bytes, length);
    if (wrote < 0)
      die("write");
    bytes += wrote;
    length -= (size_t)wrote;
  }
}

static void answer(char kind, const uint8_t *bytes, size_t length)
{
  uint8_t head[5];
  put32(head, (uint32_t)length + 1);
  head[4] = (uint8_t)kind;
  write_all(head, sizeof head);
  write_all(bytes, length);
}

/* Sockets. */

static struct line *line_of(uint32_t id)
{
  if (id >= MOST || !lines[id]) {
    fprintf(stderr, "no socket %u\n", id);
    exit(1);
  }
  return lines[id];
}

static void watch(const struct line *line, uint32_t id, int writable, int operation)
{
  struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.u64 = id};
  if (epoll_ctl(epoll, operation, line->descriptor, &event) < 0)
    die("epoll_ctl");
}

static socklen_t loopback(struct sockaddr_storage *to, int family, uint16_t port)
{
  memset(to, 0, sizeof *to);
  if (family == 4) {
    struct sockaddr_in *ip4 = (struct sockaddr_in *)to;
    *ip4 = (struct sockaddr_in){AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
    return sizeof *ip4;
  }
  struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)to;
  ip6->sin6_family = AF_INET6;
  ip6->sin6_port = htons(port);
  ip6->sin6_addr = in6addr_loopback;
  return sizeof *ip6;
}

static void open_line(uint32_t id, char transport, int family, uint16_t port)
{
  if (id >= MOST)
    die("too many sockets");
  struct line *line = lines[id] = have(calloc(1, sizeof *line));
  int stream = transport == 't', on = 1, buffer = 1 << 20;
  line->transport = transport;
  line->descriptor = socket(family == 4 ? AF_INET : AF_INET6, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
  if (line->descriptor < 0)
    die("socket");
  setsockopt(line->descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  if (!stream && setsockopt(line->descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
    setsockopt(line->descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  struct sockaddr_storage address;
  socklen_t length = loopback(&address, family, port);
  int peer = transport == 'p';
  if ((peer ? bind : connect)(line->descriptor, (struct sockaddr *)&address, length) < 0)
    die(peer ? "bind" : "connect");
  if (stream) {
    setsockopt(line->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    line->heard = have(malloc(STREAM));
    line->unsaid = have(malloc(QUEUE));
  }
  fcntl(line->descriptor, F_SETFL, O_NONBLOCK);
  length = sizeof address;
  getsockname(line->descriptor, (struct sockaddr *)&address, &length);
  watch(line, id, 0, EPOLL_CTL_ADD);
  uint8_t told[6];
  put32(told, id);
  /* At the same place in both families. */
  memcpy(told + 4, &((struct sockaddr_in *)&address)->sin_port, 2);
  answer('o', told, sizeof told);
}

static void connect_peer(uint32_t id, uint16_t port)
{
  struct line *line = line_of(id);
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  getsockname(line->descriptor, (struct sockaddr *)&address, &length);
  length = loopback(&address, address.ss_family == AF_INET ? 4 : 6, port);
  if (connect(line->descriptor, (struct sockaddr *)&address, length) < 0)
    die("connect");
}

static void close_line(uint32_t id)
{
  struct line *line = line_of(id);
  close(line->descriptor);
  free(line->heard);
  free(line->unsaid);
  free(line);
  lines[id] = NULL;
}

/* What a stream does not take at once waits, in order. */
static int say(uint32_t id, const uint8_t *bytes, size_t length)
{
  struct line *line = line_of(id);
  if (line->transport != 't') {
    /* The first may fail for an ICMP error of an earlier one. */
    for (int tries = 0; tries < 2; tries++)
      if (send(line->descriptor, bytes, length, MSG_NOSIGNAL) >= 0)
        return 1;
    return 0;
  }
  size_t said = 0;
  if (line->unsaid_length == 0) {
    ssize_t wrote = send(line->descriptor, bytes, length, MSG_NOSIGNAL);
    if (wrote < 0 && errno != EAGAIN)
      return 0;
    said = wrote < 0 ? 0 : (size_t)wrote;
    if (said == length)
      return 1;
    watch(line, id, 1, EPOLL_CTL_MOD);
  }
  if (line->unsaid_length + length - said > QUEUE)
    return 0;
  memcpy(line->unsaid + line->unsaid_length, bytes + said, length - said);
  line->unsaid_length += length - said;
  return 1;
}

static void say_the_rest(uint32_t id)
{
  struct line *line = line_of(id);
  ssize_t wrote = send(line->descriptor, line->unsaid, line->unsaid_length, MSG_NOSIGNAL);
  if (wrote <= 0)
    return;
  line->unsaid_length -= (size_t)wrote;
  memmove(line->unsaid, line->unsaid + wrote, line->unsaid_length);
  if (line->unsaid_length == 0)
    watch(line, id, 0, EPOLL_CTL_MOD);
}

/* Talking. */

static void add_way(uint32_t from, uint32_t to, size_t offset, const uint8_t *packet, size_t length)
{
  line_of(from);
  line_of(to);
  if (way_count == MOST || length > LARGEST || offset + HEAD > length)
    die("a way");
  struct way *way = ways[way_count++] = have(calloc(1, sizeof *way));
  way->from = from;
  way->to = to;
  way->offset = offset;
  way->length = length;
  memcpy(way->packet, packet, length);
}

static void talk(uint32_t number)
{
  struct way *way = ways[number];
  if (!lines[way->from])
    return;
  uint8_t *at = way->packet + way->offset;
  at = put32(at, MAGIC);
  at = put32(at, number);
  at = put32(at, way->sent);
  put64(at, now());
  if (say(way->from, way->packet, way->length))
    way->sent++;
}

/* Each way talks once in a cycle, at its own part of it. */
static void talk_if_due(void)
{
  uint64_t time = now();
  while (talking && way_count > 0) {
    uint64_t due = cycle + EVERY * turn / way_count;
    if (due > time)
      return;
    if (time - due > late)
      late = time - due;
    /* A machine that stood still is not to see all of that in one millisecond. */
    if (time - due > BEHIND)
      cycle += time - due;
    talk(turn);
    if (++turn < way_count)
      continue;
    turn = 0;
    cycle += EVERY;
  }
}

/* Listening. */

static void arrived(const uint8_t *payload, uint64_t time)
{
  uint32_t number = get32(payload + 4), at = get32(payload + 8);
  uint64_t sent = (uint64_t)get32(payload + 12) << 32 | get32(payload + 16);
  if (number >= way_count || at >= ways[number]->sent)
    return;
  struct way *way = ways[number];
  if (at >= way->room) {
    size_t room = way->room;
    way->room = (size_t)at * 2 + 1024;
    way->seen = have(realloc(way->seen, way->room));
    memset(way->seen + room, 0, way->room - room);
  }
  if (way->seen[at])
    way->twice++;
  else
    way->distinct++;
  way->seen[at] = 1;
  if (way->last && time > way->last && time - way->last > way->gap)
    way->gap = time - way->last;
  if (time > way->last)
    way->last = time;
  if (time > sent && time - sent > way->delay)
    way->delay = time - sent;
}

/* The payload of ChannelData or of a Data indication (RFC 8656 §12.4, §11.4), or all of it; NULL where there is none. */
static const uint8_t *payload_of(const uint8_t *bytes, size_t length, char transport)
{
  const uint8_t *end = bytes + length, *payload = transport == 'p' ? bytes : NULL;
  if (!payload && length >= 4 && bytes[0] >> 6 == 1)
    payload = bytes + 4;
  if (!payload && length >= 20 && get16(bytes) == 0x0017)
    for (const uint8_t *at = bytes + 20; at + 4 <= end; at += 4 + ((get16(at + 2) + 3) & ~3))
      if (get16(at) == 0x0013)
        payload = at + 4;
  return payload && payload + HEAD <= end && get32(payload) == MAGIC ? payload : NULL;
}

static void take(uint32_t id, const uint8_t *bytes, size_t length, uint64_t time)
{
  const uint8_t *payload = payload_of(bytes, length, lines[id]->transport);
  if (payload) {
    arrived(payload, time);
    return;
  }
  uint8_t *told = have(malloc(length + 4));
  memcpy(put32(told, id), bytes, length);
  answer('m', told, length + 4);
  free(told);
}

/* Takes the whole frames of a stream (RFC 8656 §12.5, RFC 8489 §5). */
static void take_frames(uint32_t id, uint64_t time)
{
  struct line *line = lines[id];
  size_t at = 0;
  while (line->heard_length - at >= 4) {
    const uint8_t *frame = line->heard + at;
    size_t length = frame[0] >> 6 == 1 ? ((size_t)get16(frame + 2) + 4 + 3) & ~(size_t)3 : (size_t)get16(frame + 2) + 20;
    if (line->heard_length - at < length)
      break;
    take(id, frame, length, time);
    at += length;
  }
  line->heard_length -= at;
  memmove(line->heard, line->heard + at, line->heard_length);
}

/* The time of the last of it, as the kernel got it. */
static uint64_t time_of(struct msghdr *message)
{
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
      struct timespec time;
      memcpy(&time, CMSG_DATA(part), sizeof time);
      return nanoseconds(&time);
    }
  return now();
}

static void listen_to(uint32_t id)
{
  static uint8_t datagram[STREAM];
  for (int reads = 0; reads < READS && lines[id]; reads++) {
    struct line *line = lines[id];
    int stream = line->transport == 't';
    _Alignas(struct cmsghdr) uint8_t control[256];
    struct iovec into = {datagram, sizeof datagram};
    if (stream)
      into = (struct iovec){line->heard + line->heard_length, STREAM - line->heard_length};
    struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(line->descriptor, &message, MSG_DONTWAIT);
    if (length < 0 && errno != EAGAIN && errno != EINTR && !stream)
      continue;
    if (length == 0 || (length < 0 && stream && errno != EAGAIN && errno != EINTR)) {
      /* What is sent to it from now on is lost, which is what the numbers will say. */
      epoll_ctl(epoll, EPOLL_CTL_DEL, line->descriptor, NULL);
      return;
    }
    if (length < 0)
      return;
    if (!stream) {
      take(id, datagram, (size_t)length, time_of(&message));
      continue;
    }
    line->heard_length += (size_t)length;
    take_frames(id, time_of(&message));
  }
}

/* Being asked. */

static void tell_round(void)
{
  uint8_t *told = have(malloc(8 + (size_t)way_count * 28)), *at = put64(told, late);
  uint64_t time = now();
  late = 0;
  for (uint32_t i = 0; i < way_count; i++) {
    struct way *way = ways[i];
    /* A silence that goes on counts to both rounds. */
    uint64_t silence = way->last && time > way->last ? time - way->last : 0;
    at = put64(at, silence > way->gap ? silence : way->gap);
    at = put64(at, way->delay);
    at = put32(at, way->sent);
    at = put32(at, way->distinct);
    at = put32(at, way->twice);
    way->gap = way->delay = 0;
  }
  answer('r', told, (size_t)(at - told));
  free(told);
}

static void asked(const uint8_t *frame, size_t length)
{
  uint32_t id = length >= 5 ? get32(frame + 1) : 0;
  if (frame[0] == 'o' && length == 9)
    open_line(id, (char)frame[5], frame[6], get16(frame + 7));
  else if (frame[0] == 'c' && length == 7)
    connect_peer(id, get16(frame + 5));
  else if (frame[0] == 's' && length > 5)
    say(id, frame + 5, length - 5);
  else if (frame[0] == 'x' && length == 5)
    close_line(id);
  else if (frame[0] == 'w' && length > 11)
    add_way(id, get32(frame + 5), get16(frame + 9), frame + 11, length - 11);
  else if (frame[0] == 'r')
    tell_round();
  else if (frame[0] == 'g') {
    cycle = now();
    turn = 0;
    talking = 1;
  } else if (frame[0] == 'h')
    talking = 0;
  else
    die("what is asked");
}

static void read_questions(void)
{
  static uint8_t questions[1 << 20];
  static size_t have_length;
  ssize_t length = read(STDIN_FILENO, questions + have_length, sizeof questions - have_length);
  if (length <= 0)
    exit(0);
  have_length += (size_t)length;
  size_t at = 0;
  while (have_length - at >= 5 && have_length - at - 4 >= get32(questions + at)) {
    size_t frame = get32(questions + at);
    asked(questions + at + 4, frame);
    at += 4 + frame;
  }
  have_length -= at;
  memmove(questions, questions + at, have_length);
}

static int add_clock(void)
{
  int clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec every = {{0, (long)TICK}, {0, (long)TICK}};
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = CLOCK};
  if (clock < 0 || timerfd_settime(clock, 0, &every, NULL) < 0 ||
      epoll_ctl(epoll, EPOLL_CTL_ADD, clock, &event) < 0)
    die("timerfd");
  return clock;
}

int main(void)
{
  struct epoll_event events[256], event = {.events = EPOLLIN, .data.u64 = STDIN};
  /* Before everybody else, as if on a machine of its own. Without the right to, it goes on, and says how late it was. */
  struct sched_param first = {.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_RR, &first) < 0)
    setpriority(PRIO_PROCESS, 0, HURRY);
  epoll = epoll_create1(0);
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0)
    die("epoll");
  int clock = add_clock();
  for (;;) {
    int count = epoll_wait(epoll, events, 256, -1), question = 0;
    if (count < 0 && errno != EINTR)
      die("epoll_wait");
    for (int i = 0; i < count; i++) {
      uint64_t about = events[i].data.u64, ticks;
      talk_if_due();
      if (about == STDIN)
        question = 1;
      else if (about == CLOCK) {
        /* It goes on only once it has been read. */
        if (read(clock, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
          die("timerfd");
      } else if (lines[about]) {
        if (events[i].events & EPOLLOUT)
          say_the_rest((uint32_t)about);
        listen_to((uint32_t)about);
      }
    }
    if (question)
      read_questions();
  }
}
