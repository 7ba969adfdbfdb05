#ifndef TACITURN_RECEIVE_H
#define TACITURN_RECEIVE_H

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "batch.h"
#include "errqueue.h"
#include "socket.h"

/* Messages taken from one socket with one call. */
#define CELLS 32

/* Sockets that epoll names at a time. */
#define EVENTS 64

/* A batch is handed up when it holds this many, even if there is more. */
#define ENOUGH 64

/*
 * All sockets are in one epoll, level-triggered. A socket that brings one
 * datagram now and then, as most relay sockets do, is read with one recvmsg: that
 * is a third cheaper than a recvmmsg, which goes back to the queue to learn that
 * there is no second. One that epoll names again right away counts as dense for a
 * while and is read with recvmmsg.
 *
 * The kernel writes into cells, where any datagram fits, and any number of them
 * that UDP_GRO has glued together. From there each is copied to a slot of its
 * own, with headroom before it: while the octets are in the cache that costs a
 * hundredth of what their way through the kernel did.
 */
struct receiver {
  struct batch batch;
  uint32_t stride; /* octets from one slot of the batch to the next */
  struct errors errors;
  uint32_t count;
  uint8_t *cells;

  /* Cells that hold datagrams not yet handed up, and how far the first of them is. */
  uint32_t staged_first;
  uint32_t staged_end;
  uint32_t staged_offset;
  uint32_t staged_socket;
  uint32_t staged_generation;

  /* What epoll has named and nobody has read since. */
  struct epoll_event events[EVENTS];
  int event;
  int event_end;
  uint32_t polls;
  /* A socket was read that may have more. */
  int doubt;
  /* Whether the next look at epoll is the first since we were woken, and how many fruitless ones may follow. */
  int woken;
  int eager;
  uint32_t wakes;
  int by_timer;

  uint32_t calls;
  uint32_t datagrams;

  struct mmsghdr messages[CELLS];
  struct iovec vectors[CELLS];
  union endpoint endpoints[CELLS];
  _Alignas(struct cmsghdr) uint8_t controls[CELLS][128];
};

/* Sets up for `batch`, whose memory is the caller's. Returns 0 or a negative errno if slots are too small. */
int receiver_init(struct receiver *receiver, const struct batch *batch);

void receiver_free(struct receiver *receiver);

/*
 * Fills the batch with what sockets have, and `errors` with ICMP errors.
 * Returns how many datagrams the batch holds now.
 */
uint32_t receiver_read(struct receiver *receiver, struct table *table);

/*
 * Says that time has passed: what epoll names now need not have been there before.
 * `by_timer`: the next wake comes after a fixed time, so that nothing may be left to it.
 */
void receiver_wake(struct receiver *receiver, int by_timer);

/* Whether it is worth reading again at once. */
int receiver_has_more(const struct receiver *receiver);

#endif
