#ifndef TACITURN_SEND_H
#define TACITURN_SEND_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "batch.h"
#include "socket.h"

/* Slots looked at together; a longer batch is sent in several such windows. */
#define WINDOW 1024

/* End of a list of slots. */
#define NONE UINT32_MAX

/* Messages of one sendmmsg. */
#define MESSAGES 64

/* Datagrams of one UDP_SEGMENT send: more would leave as one long burst and delay what others send. */
#define SEGMENTS 16

/* What became of datagrams that did not leave. */
struct losses {
  uint32_t queue;    /* the kernel would not take it now: a full send buffer or device queue */
  uint32_t too_long; /* it exceeds what the way carries, and may not be fragmented */
  uint32_t failed;   /* anything else: no route, a firewall, an address one cannot send to */
};

struct sender {
  int gso;
  uint64_t stamp;
  struct losses losses;

  uint32_t calls;
  uint32_t datagrams;
  uint32_t bursts; /* sends of several datagrams at once */

  uint32_t touched[WINDOW];
  uint32_t next[WINDOW];

  /* Messages of one socket that wait to be sent. */
  uint32_t count;
  uint32_t vectors_used;
  struct mmsghdr messages[MESSAGES];
  union endpoint endpoints[MESSAGES];
  struct iovec vectors[MESSAGES * SEGMENTS];
  _Alignas(struct cmsghdr) uint8_t controls[MESSAGES][96];
};

void sender_init(struct sender *sender);

/*
 * Sends those of the first `count` slots whose verdict is SEND and whose
 * socket is in the table. Datagrams from one socket to one destination keep
 * their order. `losses` says afterwards what was lost on the way.
 */
void sender_send(struct sender *sender, struct table *table, const struct batch *batch, uint32_t count);

/* Sends one datagram. Returns 0 or a negative errno. */
int sender_send_one(struct sender *sender, struct row *row, const uint8_t *remote, const void *bytes,
                    size_t length, int dont_fragment);

#endif
