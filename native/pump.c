#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define NONE (-1)
#define BELL UINT64_MAX
#define FIRST_ROOM 16
#define MOST_ROOM (1u << 20)

static void append(struct pump *p, struct pump_links *list, int32_t at)
{
  struct passage *one = &p->passages[at];

  one->list = list;
  one->before = list->last;
  one->after = NONE;
  if (list->last == NONE)
    list->first = at;
  else
    p->passages[list->last].after = at;
  list->last = at;
}

static void take_out(struct pump *p, int32_t at)
{
  struct passage *one = &p->passages[at];
  struct pump_links *list = one->list;

  if (!list)
    return;
  if (one->before == NONE)
    list->first = one->after;
  else
    p->passages[one->before].after = one->after;
  if (one->after == NONE)
    list->last = one->before;
  else
    p->passages[one->after].before = one->before;
  one->list = 0;
}

int pump_init(struct pump *p)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = BELL };

  memset(p, 0, sizeof *p);
  p->spare = p->busy = p->ended = (struct pump_links){ NONE, NONE };
  p->bell = -1;
  p->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (p->epoll >= 0)
    p->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (p->bell >= 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->bell, &event) == 0) {
    p->scratch = malloc(PUMP_CHUNK);
    if (p->scratch)
      return 0;
    errno = ENOMEM;
  }
  int error = -errno;
  pump_free(p);
  return error;
}

/* Before it is closed, as the caller's descriptor keeps the socket open, and with it epoll's interest. */
static void close_side(struct pump *p, struct pump_side *side)
{
  if (side->fd < 0)
    return;
  epoll_ctl(p->epoll, EPOLL_CTL_DEL, side->fd, 0);
  close(side->fd);
  side->fd = -1;
}

static void close_sides(struct pump *p, struct passage *one)
{
  for (int i = 0; i < PUMP_SIDES; i++)
    close_side(p, &one->sides[i]);
}

void pump_free(struct pump *p)
{
  for (uint32_t i = 0; i < p->room; i++)
    if (p->passages[i].state == PUMP_LIVE)
      close_sides(p, &p->passages[i]);
  if (p->bell >= 0)
    close(p->bell);
  if (p->epoll >= 0)
    close(p->epoll);
  free(p->passages);
  free(p->scratch);
  memset(p, 0, sizeof *p);
  p->bell = p->epoll = -1;
}

static int grow(struct pump *p)
{
  uint32_t room = p->room ? p->room * 2 : FIRST_ROOM;

  if (room > MOST_ROOM)
    return -ENOSPC;
  struct passage *grown = realloc(p->passages, room * sizeof *grown);
  if (!grown)
    return -ENOMEM;
  memset(grown + p->room, 0, (room - p->room) * sizeof *grown);
  p->passages = grown;
  for (; p->room < room; p->room++)
    append(p, &p->spare, (int32_t)p->room);
  return 0;
}

static int watch(struct pump *p, struct pump_side *side, int fd, uint64_t name)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = name };

  *side = (struct pump_side){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3) };
  if (side->fd < 0)
    return -errno;
  return epoll_ctl(p->epoll, EPOLL_CTL_ADD, side->fd, &event) < 0 ? -errno : 0;
}

int pump_carry(struct pump *p, int one, int other)
{
  int error;

  if (p->spare.first == NONE && (error = grow(p)) < 0)
    return error;
  int32_t at = p->spare.first;
  struct passage *passage = &p->passages[at];

  passage->sides[0].fd = passage->sides[1].fd = -1;
  error = watch(p, &passage->sides[0], one, (uint64_t)at * PUMP_SIDES);
  if (error == 0)
    error = watch(p, &passage->sides[1], other, (uint64_t)at * PUMP_SIDES + 1);
  if (error < 0) {
    close_sides(p, passage);
    return error;
  }
  take_out(p, at);
  passage->state = PUMP_LIVE;
  passage->error = 0;
  return at;
}

void pump_release(struct pump *p, uint32_t number)
{
  if (number >= p->room || p->passages[number].state == PUMP_FREE)
    return;
  close_sides(p, &p->passages[number]);
  take_out(p, (int32_t)number);
  p->passages[number].state = PUMP_FREE;
  append(p, &p->spare, (int32_t)number);
}

int pump_moved(struct pump *p, uint32_t number, uint32_t words[PUMP_SIDES])
{
  if (number >= p->room || p->passages[number].state == PUMP_FREE)
    return -EBADF;
  for (int i = 0; i < PUMP_SIDES; i++)
    words[i] = p->passages[number].sides[i].moved;
  return 0;
}

uint32_t pump_ended(struct pump *p, uint32_t *words, uint32_t most)
{
  uint32_t count = 0;

  for (; count < most && p->ended.first != NONE; count++, words += PUMP_ENDED_WORDS) {
    int32_t at = p->ended.first;
    words[0] = (uint32_t)at;
    words[1] = (uint32_t)p->passages[at].error;
    pump_moved(p, (uint32_t)at, words + 2);
    take_out(p, at);
  }
  return count;
}

int pump_wait(struct pump *p, struct epoll_event events[PUMP_EVENTS], bool more)
{
  int count = epoll_wait(p->epoll, events, PUMP_EVENTS, more ? 0 : -1);
  return count < 0 ? 0 : count;
}

/* Moves one chunk. Returns 1 if it did, 0 if it has to wait, or a negated errno. */
static int move(struct pump *p, struct pump_side *from, struct pump_side *to)
{
  ssize_t got = recv(from->fd, p->scratch, PUMP_CHUNK, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0) {
    if (errno == EINTR)
      return 1;
    from->readable = false;
    return errno == EAGAIN ? 0 : -errno;
  }
  if (got == 0) {
    from->ended = true;
    from->readable = false;
    /* Both ends may have been told already. */
    return shutdown(to->fd, SHUT_WR) < 0 && errno != ENOTCONN ? -errno : 0;
  }
  ssize_t sent = send(to->fd, p->scratch, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) {
    if (errno == EINTR)
      return 1;
    to->writable = false;
    return errno == EAGAIN ? 0 : -errno;
  }
  /* They are there, so this takes them all; TCP copies nothing with MSG_TRUNC. */
  while (recv(from->fd, p->scratch, (size_t)sent, MSG_TRUNC | MSG_DONTWAIT) < 0)
    if (errno != EINTR)
      return -errno;
  from->moved += (uint32_t)sent;
  if (sent < got)
    to->writable = false;
  else if (got < PUMP_CHUNK && !from->closing)
    from->readable = false; /* the next octet is an event; see epoll(7) */
  return 1;
}

static bool can_move(const struct pump_side *from, const struct pump_side *to)
{
  return from->readable && to->writable && !from->ended;
}

static void end(struct pump *p, int32_t at, int error)
{
  struct passage *one = &p->passages[at];

  close_sides(p, one);
  take_out(p, at);
  one->state = PUMP_ENDED;
  one->error = error;
  append(p, &p->ended, at);
}

/* Moves what there is, within bounds. The passage is in the list of busy ones afterwards if there is more. */
static void serve(struct pump *p, int32_t at)
{
  struct passage *one = &p->passages[at];
  struct pump_side *a = &one->sides[0], *b = &one->sides[1];

  take_out(p, at);
  for (int turn = 0; turn < PUMP_TURNS; turn++) {
    int error = can_move(a, b) ? move(p, a, b) : 0;
    if (error >= 0 && can_move(b, a))
      error = move(p, b, a);
    if (error < 0 || (a->ended && b->ended)) {
      end(p, at, error < 0 ? -error : 0);
      return;
    }
  }
  if (can_move(a, b) || can_move(b, a))
    append(p, &p->busy, at);
}

/* What epoll tells of one side. Returns an errno where the connection is broken. */
static int note(struct pump_side *side, uint32_t events)
{
  int error = 0;
  socklen_t length = sizeof error;

  if (events & EPOLLERR) {
    getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error)
      return error;
    /* The event was of a passage before this one, or the error has been told: then reading and writing tell it too. */
    side->readable = side->writable = true;
  }
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
    side->readable = true;
  if (events & (EPOLLRDHUP | EPOLLHUP))
    side->closing = true;
  if (events & EPOLLOUT)
    side->writable = true;
  return 0;
}

bool pump_serve(struct pump *p, const struct epoll_event *events, int count, bool *news)
{
  bool had = p->ended.first != NONE;

  for (int i = 0; i < count; i++) {
    uint64_t name = events[i].data.u64;
    if (name == BELL)
      continue;
    int32_t at = (int32_t)(name / PUMP_SIDES);
    struct passage *one = &p->passages[at];
    /* It may have been released since, and another begun with its number: then this is a false alarm at worst. */
    if (one->state != PUMP_LIVE)
      continue;
    int error = note(&one->sides[name % PUMP_SIDES], events[i].events);
    if (error)
      end(p, at, error);
    else if (!one->list)
      append(p, &p->busy, at);
  }
  /* Each one once: a passage with more to move has gone to the end of the list. */
  int32_t last = p->busy.last;
  for (int32_t at = p->busy.first; at != NONE; at = p->busy.first) {
    serve(p, at);
    if (at == last)
      break;
  }
  *news = !had && p->ended.first != NONE;
  return p->busy.first != NONE;
}

void pump_ring(struct pump *p)
{
  uint64_t one = 1;

  /* Nobody reads it: each write is an event of its own. */
  if (write(p->bell, &one, sizeof one) < 0)
    return; /* rung more often than there are numbers */
}
