/*
 * Exercises what knows nothing of Node.js, so that valgrind and
 * the sanitizers see nothing else. test/unit/native/check.test.ts builds it and
 * runs it under both; by hand:
 *
 *   cc -std=c11 -D_GNU_SOURCE -g -fsanitize=address,undefined -I.. check.c \
 *      ../address.c ../errqueue.c ../notify.c ../pace.c ../pump.c ../receive.c ../routes.c ../send.c ../socket.c -o check \
 *      -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc && ./check
 *
 * Ends with 0, or says which line did not hold.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"
#include "pace.h"
#include "pump.h"
#include "receive.h"
#include "routes.h"
#include "send.h"

#define CAPACITY 128
#define STRIDE (HEADROOM + LARGEST + TAILROOM + 56)
#define SOCKETS 100
#define ROUNDS 300

#define hold(condition)                                                                                          \
  do {                                                                                                           \
    if (!(condition)) {                                                                                          \
      fprintf(stderr, "line %d does not hold: %s (errno %d)\n", __LINE__, #condition, errno);                   \
      exit(1);                                                                                                   \
    }                                                                                                            \
  } while (0)

/* Memory that is taken while `started` is a fault. */
static int started;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
  hold(!started);
  return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
  hold(!started);
  return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
  hold(!started);
  return __real_realloc(memory, size);
}

static struct table table;
static struct receiver receiver;
static struct sender sender;
static uint8_t addresses[SOCKETS][RECORD];
static uint32_t error_words[8 * ERROR_WORDS];
static uint8_t error_peers[8 * RECORD];

static struct batch make_batch(void)
{
  struct batch b = {.size = (size_t)CAPACITY * STRIDE, .capacity = CAPACITY};

  hold((b.bytes = calloc(1, b.size)));
  hold((b.start = calloc(CAPACITY, 4)) && (b.length = calloc(CAPACITY, 4)) && (b.socket = calloc(CAPACITY, 4)));
  hold((b.remote = calloc(CAPACITY, RECORD)) && (b.verdict = calloc(CAPACITY, 1)));
  hold((b.ttl = calloc(CAPACITY, 1)) && (b.tos = calloc(CAPACITY, 1)));
  return b;
}

static void free_batch(struct batch *b)
{
  free(b->bytes);
  free(b->start);
  free(b->length);
  free(b->socket);
  free(b->remote);
  free(b->verdict);
  free(b->ttl);
  free(b->tos);
}

static int is_six(uint32_t id)
{
  return id % 4 == 3;
}

static void wanted_address(uint32_t id, uint8_t *record)
{
  memset(record, 0, RECORD);
  record[0] = is_six(id) ? 6 : 4;
  if (is_six(id))
    record[19] = 1;
  else
    memcpy(record + 4, "\x7f\0\0\1", 4);
}

static void bind_socket(uint32_t id)
{
  uint8_t wanted[RECORD];
  uint32_t flags = BIND_V6ONLY | BIND_ERRORS | BIND_GRO | (id % 2 ? BIND_TTL | BIND_TOS : 0);

  wanted_address(id, wanted);
  hold(table_bind(&table, id, -1, wanted, flags, 1 << 20, 1 << 20, addresses[id]) == 0);
  hold(addresses[id][0] == wanted[0] && (addresses[id][2] || addresses[id][3]));
}

/* Puts a datagram into a slot: its first octet is a mark, its length is of many sizes. */
static void put(struct batch *b, uint32_t slot, uint32_t from, const uint8_t *to, uint32_t length)
{
  b->start[slot] = slot * STRIDE + HEADROOM;
  b->length[slot] = length;
  memset(b->bytes + b->start[slot], (int)(slot & 255), length);
  b->socket[slot] = from;
  memcpy(b->remote + slot * RECORD, to, RECORD);
  b->verdict[slot] = VERDICT_SEND;
  b->ttl[slot] = 0;
  b->tos[slot] = 0;
}

static uint32_t receive_all(uint32_t expected)
{
  uint32_t datagrams = 0;

  for (int patience = 1000; datagrams < expected && patience > 0; patience--) {
    struct pollfd wait = {.fd = table.epoll, .events = POLLIN};
    if (!receiver_has_more(&receiver))
      poll(&wait, 1, 10);
    receiver_wake(&receiver, 0);
    uint32_t n = receiver_read(&receiver, &table);
    struct batch *b = &receiver.batch;
    for (uint32_t i = 0; i < n; i++) {
      hold(b->start[i] >= i * receiver.stride + HEADROOM);
      hold(b->start[i] + b->length[i] + TAILROOM <= (i + 1) * receiver.stride);
      hold(table_row(&table, b->socket[i]));
      /* Both ends and what is around them are JavaScript's to write in. */
      memset(b->bytes + b->start[i] - HEADROOM, 0xaa, HEADROOM);
      memset(b->bytes + b->start[i] + b->length[i], 0xaa, TAILROOM);
    }
    datagrams += n;
  }
  return datagrams;
}

static void check_sizes(struct batch *b)
{
  static const uint32_t SIZES[] = {0, 1, 172, 1100, 1452, 1453, 9000, 65507};

  for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
    for (uint32_t id = 2; id < 4; id++) {
      put(b, 0, id, addresses[id], SIZES[i]);
      sender_send(&sender, &table, b, 1);
      hold(receive_all(1) == 1);
      hold(receiver.batch.length[0] == SIZES[i]);
      hold(memcmp(receiver.batch.remote, addresses[id], RECORD) == 0);
    }
  }
}

static void check_limits(struct batch *b)
{
  put(b, 0, 1, addresses[1], 10);
  b->length[0] = 65508;
  put(b, 1, 1, addresses[1], 10);
  b->start[1] = (uint32_t)b->size - 5;
  put(b, 2, 1, addresses[1], 10);
  b->start[2] = UINT32_MAX;
  put(b, 3, SOCKETS + 5, addresses[1], 10);
  put(b, 4, UINT32_MAX, addresses[1], 10);
  put(b, 5, 1, addresses[3], 10); /* IPv6 by an IPv4 socket */
  put(b, 6, 1, addresses[1], 10);
  b->ttl[6] = 1;
  sender_send(&sender, &table, b, 7);
  hold(sender.losses.failed == 5);
  sender_send(&sender, &table, b, UINT32_MAX);
  hold(sender.losses.failed == 5);
  hold(receiver_read(&receiver, &table) == 0);
}

static void check_traffic(struct batch *b)
{
  uint32_t sent = 0;
  uint32_t came = 0;

  for (uint32_t round = 0; round < ROUNDS; round++) {
    for (uint32_t slot = 0; slot < CAPACITY; slot++) {
      uint32_t group = slot / (1 + round % 17);
      uint32_t from = 4 * ((group * 7 + round) % 25) + (group % 4);
      uint32_t to = 4 * ((group * 3 + round) % 25) + (is_six(from) ? 3 : group % 3);
      put(b, slot, from, addresses[to], group % 5 ? 400 : (slot * 37) % 1600);
    }
    sender_send(&sender, &table, b, CAPACITY);
    hold(sender.losses.queue + sender.losses.too_long + sender.losses.failed == 0);
    sent += CAPACITY;
    came += receive_all(CAPACITY);

    /* Sockets come and go while others are read. */
    if (round % 10 == 9) {
      uint32_t id = (round * 13) % SOCKETS;
      table_close(&table, id);
      table_close(&table, id);
      started = 0;
      bind_socket(id);
      started = 1;
    }
  }
  hold(came == sent);
  hold(sender.bursts > 0 || !kernel_has_gso());
}

static void check_leftovers(struct batch *b)
{
  for (int i = 0; i < 12; i++) {
    for (uint32_t slot = 0; slot < CAPACITY; slot++)
      put(b, slot, 0, addresses[1], 300);
    sender_send(&sender, &table, b, CAPACITY);
  }
  receiver_wake(&receiver, 0);
  hold(receiver_read(&receiver, &table) > 0);
  hold(receiver_read(&receiver, &table) > 0);
  table_close(&table, 1);
  started = 0;
  bind_socket(1);
  started = 1;
  hold(receiver_read(&receiver, &table) == 0);
}

static void check_errors(struct batch *b)
{
  for (uint32_t from = 2; from < 4; from++) {
    uint32_t dead = from + 4;
    table_close(&table, dead);
    for (int i = 0; i < 20; i++) {
      put(b, 0, from, addresses[dead], 30);
      sender_send(&sender, &table, b, 1);
    }
    uint32_t told = 0;
    for (int patience = 100; patience > 0; patience--) {
      receiver_wake(&receiver, 0);
      hold(receiver_read(&receiver, &table) == 0);
      hold(receiver.errors.count <= 8);
      told += receiver.errors.count;
      for (uint32_t i = 0; i < receiver.errors.count; i++) {
        hold(error_words[i * ERROR_WORDS] == from);
        hold(error_words[i * ERROR_WORDS + 2] == (is_six(from) ? 1u << 8 | 4 : 3u << 8 | 3));
        hold(memcmp(error_peers + i * RECORD, addresses[dead], RECORD) == 0);
      }
    }
    hold(told > 0);
    started = 0;
    bind_socket(dead);
    started = 1;
  }
}

static void check_one(void)
{
  static const char HELLO[] = "hello";

  for (int dont_fragment = 0; dont_fragment < 2; dont_fragment++) {
    for (uint32_t id = 2; id < 4; id++) {
      struct row *row = table_row(&table, id);
      hold(sender_send_one(&sender, row, addresses[id], HELLO, sizeof HELLO, dont_fragment) == 0);
      hold(receive_all(1) == 1);
      hold(memcmp(receiver.batch.bytes + receiver.batch.start[0], HELLO, sizeof HELLO) == 0);
    }
  }
  hold(sender_send_one(&sender, table_row(&table, 2), addresses[3], HELLO, sizeof HELLO, 0) == -EAFNOSUPPORT);
}

static void check_refusals(void)
{
  uint8_t local[RECORD];

  hold(table_bind(&table, 0, -1, addresses[0], 0, 0, 0, local) == -EBUSY);
  hold(table_bind(&table, SOCKETS, -1, addresses[0], 0, 0, 0, local) == -EADDRINUSE);
  hold(table_bind(&table, SOCKETS, 1000000, addresses[0], 0, 0, 0, local) == -EBADF);
  hold(table_bind(&table, MOST_ROWS, -1, addresses[0], 0, 0, 0, local) == -EMFILE);
  int stream = socket(AF_INET, SOCK_STREAM, 0);
  hold(table_bind(&table, SOCKETS, stream, addresses[0], 0, 0, 0, local) == -EPROTOTYPE);
  close(stream);
  hold(table.open == SOCKETS);
}

static void check_notify(void)
{
  static const char READY[] = "READY=1";
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  char path[64], text[64];
  int length = snprintf(path, sizeof path, "@taciturn-check-%d", (int)getpid());

  memcpy(name.sun_path + 1, path + 1, (size_t)length - 1);
  int manager = socket(AF_UNIX, SOCK_DGRAM, 0);
  hold(bind(manager, (struct sockaddr *)&name, (socklen_t)(sizeof(sa_family_t) + (size_t)length)) == 0);
  hold(notify(path, READY, strlen(READY), 0, 0) == 0);
  hold(recv(manager, text, sizeof text, MSG_DONTWAIT) == (ssize_t)strlen(READY));
  hold(notify(path, READY, strlen(READY), &manager, 1) == 0);
  hold(recv(manager, text, sizeof text, MSG_DONTWAIT) == (ssize_t)strlen(READY));
  hold(notify(path, READY, 1, &manager, NOTIFY_DESCRIPTORS + 1) == -EINVAL);
  hold(notify("", READY, 1, 0, 0) == -EINVAL);
  close(manager);
}

/* Seconds of datagrams that come `each` at a time, `gap` nanoseconds apart. Returns the period at the end. */
static uint32_t paced(struct pace *p, uint64_t *clock, double seconds, uint64_t gap, uint32_t each)
{
  uint64_t end = *clock + (uint64_t)(seconds * 1e9);
  uint64_t next = *clock + gap;
  uint32_t sum = p->seen;

  while (*clock < end) {
    *clock = p->period ? *clock + p->period : next;
    for (; next <= *clock; next += gap)
      sum += each;
    pace_next(p, *clock, sum);
  }
  return p->period;
}

static void check_pace(void)
{
  struct pace p;
  uint64_t clock = 1;

  pace_init(&p, 500000, clock);
  hold(paced(&p, &clock, 1, 20000000, 1) == 0); /* one call: each datagram wakes us */
  hold(paced(&p, &clock, 1, 200000, 1) == 500000);
  hold(paced(&p, &clock, 1, 50000, 1) == 500000);
  uint32_t period = paced(&p, &clock, 1, 10000, 1);
  hold(period >= 320000 && period <= 500000); /* some 40 datagrams at 100,000 a second */
  hold(paced(&p, &clock, 1, 1000, 1) == 0);   /* a flood: there is nothing to wait for */
  hold(paced(&p, &clock, 1, 20000000, 1) == 0);
  hold(paced(&p, &clock, 1, 2000000, 16) == 0); /* bursts that are whole already are not waited for */
  hold(paced(&p, &clock, 0.05, 0x7fffffff, 0) == 0);

  pace_init(&p, 500000, clock);
  paced(&p, &clock, 1, 50000, 1);
  hold(paced(&p, &clock, 0.1, 1000000000, 0) == 0); /* silence stops the timer */

  pace_init(&p, 0, clock);
  hold(paced(&p, &clock, 1, 50000, 1) == 0); /* nobody wants to wait */
}

static void check_routes(void)
{
  static const uint8_t LOOPBACK[RECORD] = {4, 0, 0, 0, 127, 8, 8, 8};
  static const uint8_t LOOPBACK6[RECORD] = {6, [19] = 1};
  static const uint8_t NOBODY[RECORD] = {4, 0, 0, 0, 240, 0, 0, 1};
  int ask = routes_open(), news = routes_watch();
  uint32_t words[3 * 64];

  hold(ask >= 0 && news >= 0);
  for (int i = 0; i < ROUNDS; i++) {
    hold(routes_deliver_here(ask, LOOPBACK, 0, 0) == 1);
    hold(routes_deliver_here(ask, LOOPBACK6, 0, 0) == 1);
    hold(routes_deliver_here(ask, NOBODY, 0, 0) == 0);
    hold(routes_deliver_here(ask, NOBODY, LOOPBACK, 0) == 0);
    hold(routes_deliver_here(ask, LOOPBACK, LOOPBACK6, 0) == 1);
    hold(routes_deliver_here(ask, LOOPBACK, LOOPBACK, 0x10) == 1);
    hold(routes_rules(words, 64) >= 0);
    hold(routes_have_changed(news) >= 0);
  }
  close(ask);
  close(news);
  hold(routes_deliver_here(ask, LOOPBACK, 0, 0) == -EBADF);
}

/* Sockets that are noted stay open when their table is abandoned; others do not. */
static void outlive(void)
{
  uint32_t kept[2] = { 0 };
  struct table first, second;
  uint8_t wanted[RECORD] = { 4, 0, 0, 0, 127, 0, 0, 1 }, local[RECORD], again[RECORD];

  hold(table_init(&first) == 0);
  first.kept = kept;
  first.kept_capacity = 2;
  hold(table_bind(&first, 1, -1, wanted, 0, 0, 0, local) == 0);
  hold(table_bind(&first, 0, -1, wanted, 0, 0, 0, again) == 0);
  hold(table_bind(&first, 2, -1, wanted, 0, 0, 0, again) == 0);
  int beyond = first.rows[2].fd;
  table_close(&first, 0);
  hold(kept[0] == 0 && kept[1] == (uint32_t)first.rows[1].fd + 1);
  table_abandon(&first);
  hold(close(beyond) < 0 && errno == EBADF);

  hold(table_init(&second) == 0);
  second.kept = kept;
  second.kept_capacity = 2;
  hold(table_bind(&second, 1, (int)kept[1] - 1, wanted, 0, 0, 0, again) == 0);
  hold(memcmp(local, again, RECORD) == 0);
  table_free(&second);
  hold(kept[1] == 0);
}

/* Serves a pump until it has nothing left to do; returns whether a passage has ended. */
static bool pump_all(struct pump *p)
{
  struct epoll_event events[PUMP_EVENTS];
  bool ended = false, news;

  pump_ring(p);
  for (int count = pump_wait(p, events, false); count > 0; count = pump_wait(p, events, true)) {
    while (pump_serve(p, events, count, &news)) {
      ended |= news;
      count = 0;
    }
    ended |= news;
  }
  return ended;
}

/* Both ends of a TCP connection over loopback. */
static void tcp_pair(int ends[2])
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t length = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM, 0);

  hold(listener >= 0 && bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0);
  hold(getsockname(listener, (struct sockaddr *)&at, &length) == 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  hold(connect(ends[0], (struct sockaddr *)&at, sizeof at) == 0);
  ends[1] = accept(listener, 0, 0);
  hold(ends[1] >= 0);
  close(listener);
}

/* What goes in on one side comes out on the other, both ends are told, and nothing stays open. */
static void check_pump(void)
{
  enum { PAIRS = 40, LENGTH = 1000 };
  struct pump pump;
  int one[PAIRS][2], other[PAIRS][2];
  uint32_t words[PUMP_SIDES], told[PAIRS * PUMP_ENDED_WORDS], ended = 0;
  char there[LENGTH], back[LENGTH];

  hold(pump_init(&pump) == 0);
  for (int i = 0; i < PAIRS; i++) {
    tcp_pair(one[i]);
    tcp_pair(other[i]);
    hold(pump_carry(&pump, one[i][1], other[i][1]) == i);
  }
  hold(pump_carry(&pump, -1, one[0][0]) == -EBADF && pump_carry(&pump, one[0][0], -1) == -EBADF);
  hold(!pump_all(&pump));
  memset(there, 't', sizeof there);
  pump_release(&pump, 1);
  pump_release(&pump, 1);
  pump_release(&pump, 1u << 30);
  hold(pump_moved(&pump, 1, words) == -EBADF && pump_moved(&pump, UINT32_MAX, words) == -EBADF);
  for (int i = 0; i < PAIRS; i++)
    hold(write(one[i][0], there, LENGTH) == LENGTH);
  hold(!pump_all(&pump));
  for (int i = 0; i < PAIRS; i++) {
    if (i == 1)
      continue;
    hold(read(other[i][0], back, LENGTH) == LENGTH && memcmp(there, back, LENGTH) == 0);
    hold(pump_moved(&pump, (uint32_t)i, words) == 0 && words[0] == LENGTH && words[1] == 0);
    hold(shutdown(one[i][0], SHUT_WR) == 0 && shutdown(other[i][0], SHUT_WR) == 0);
  }
  hold(pump_all(&pump));
  for (uint32_t count; (count = pump_ended(&pump, told, 3)) > 0; ended += count)
    for (uint32_t i = 0; i < count; i++)
      hold(told[4 * i] != 1 && told[4 * i + 1] == 0 && told[4 * i + 2] == LENGTH && told[4 * i + 3] == 0);
  hold(ended == PAIRS - 1);
  hold(pump_carry(&pump, one[1][1], other[1][1]) >= 0);
  hold(!pump_all(&pump));
  hold(read(other[1][0], back, LENGTH) == LENGTH);
  /* Events that were of passages before those that have their numbers now. */
  struct epoll_event late[PAIRS];
  bool news;
  for (int i = 0; i < PAIRS; i++) {
    int number = pump_carry(&pump, one[1][1], other[1][1]);
    hold(number >= 0);
    late[i] = (struct epoll_event){ .events = EPOLLERR, .data.u64 = (uint64_t)number * PUMP_SIDES };
  }
  while (pump_serve(&pump, late, PAIRS, &news))
    ;
  hold(!news && pump_ended(&pump, told, PAIRS) == 0);
  pump_free(&pump);
  for (int i = 0; i < PAIRS; i++)
    hold(close(one[i][0]) == 0 && close(one[i][1]) == 0 && close(other[i][0]) == 0 && close(other[i][1]) == 0);
}

int main(void)
{
  struct batch own = make_batch();
  struct batch outgoing = make_batch();

  hold(table_init(&table) == 0);
  hold(receiver_init(&receiver, &own) == 0);
  receiver.errors = (struct errors){.words = error_words, .peers = error_peers, .capacity = 8};
  sender_init(&sender);
  for (uint32_t id = 0; id < SOCKETS; id++)
    bind_socket(id);

  started = 1;
  check_sizes(&outgoing);
  check_limits(&outgoing);
  check_traffic(&outgoing);
  check_leftovers(&outgoing);
  check_errors(&outgoing);
  check_one();
  check_routes();
  started = 0;
  check_refusals();
  check_notify();
  check_pace();
  check_pump();

  outlive();
  table_free(&table);
  receiver_free(&receiver);
  free_batch(&own);
  free_batch(&outgoing);
  return 0;
}
