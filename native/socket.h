#ifndef TACITURN_SOCKET_H
#define TACITURN_SOCKET_H

#include <stdint.h>

#include "address.h"

/* What `socket_open` and `table_bind` are asked for. */
#define BIND_REUSEPORT 1u /* join the SO_REUSEPORT group of this address */
#define BIND_V6ONLY 2u    /* leave IPv4 to another socket */
#define BIND_ERRORS 4u    /* collect ICMP errors (IP_RECVERR) */
#define BIND_TTL 8u       /* read the TTL of every datagram */
#define BIND_TOS 16u      /* read DSCP and ECN of every datagram */
#define BIND_GRO 32u      /* let the kernel glue bursts together (UDP_GRO) */
#define BIND_APART 64u    /* send every datagram by itself (no UDP_SEGMENT) */
#define BIND_STREAM 128u  /* a TCP socket that listens; only for `socket_open` */

/* Rows are ids that JavaScript hands out: small numbers, reused after close. */
#define MOST_ROWS (1u << 20)

struct row {
  int fd; /* -1 while the row is free */
  /* Which socket this row holds, so that leftovers of the one before are known as such. */
  uint32_t generation;
  uint8_t family; /* 4 or 6 */
  /* DF is set on what leaves now. Linux knows this per socket only, so sends switch it when they must. */
  uint8_t dont_fragment;
  /* Not wanted, or the way out has no checksum offload, so that UDP_SEGMENT was refused with EIO. */
  uint8_t no_gso;
  /* The error queue has something. */
  uint8_t error;

  /* Reads left until it counts as sparse again; 0 then. See receive.c. */
  uint8_t dense;
  /* When epoll named it last. */
  uint32_t polled;

  /* Slots that leave by this socket, while a batch is being sent. */
  uint64_t stamp;
  uint32_t head;
  uint32_t tail;
};

struct table {
  struct row *rows;
  uint32_t capacity;
  uint32_t open;
  uint32_t generations;
  int epoll;
  /*
   * Where the descriptors stand for others, by row: one more than the number, 0
   * where there is none. With it, sockets outlive a table that nobody has emptied.
   */
  uint32_t *kept;
  uint32_t kept_capacity;
};

/*
 * Makes a bound UDP socket, or a TCP socket that listens, and writes the address it got into `local`.
 * Returns the descriptor, or a negative errno.
 */
int socket_open(const uint8_t *wanted, uint32_t flags, int receive_buffer, int send_buffer, uint8_t *local);

/* Sets or clears DF on everything that leaves by this row from now on. */
void socket_set_dont_fragment(struct row *row, int on);

/* Whether UDP_GRO can be trusted on this kernel (5.12 and later). */
int kernel_has_gro(void);

/* Whether this kernel knows UDP_SEGMENT (4.18 and later). */
int kernel_has_gso(void);

/* Returns 0 or a negative errno. */
int table_init(struct table *table);

void table_free(struct table *table);

/* The same, but leaves sockets open that stand in `kept`, for somebody else to adopt. */
void table_abandon(struct table *table);

/*
 * Puts a socket into row `id` and watches it. With `fd` below 0 the socket is
 * made by `socket_open`; else `fd` is taken over and closed with the row.
 * Returns 0, or a negative errno and leaves an adopted `fd` open.
 */
int table_bind(struct table *table, uint32_t id, int fd, const uint8_t *wanted, uint32_t flags,
               int receive_buffer, int send_buffer, uint8_t *local);

/* Closes the socket in row `id`, if one is there. */
void table_close(struct table *table, uint32_t id);

/* Lets go of a socket without closing it. Returns its descriptor, or a negated errno. */
int table_give(struct table *table, uint32_t id);

/* Octets of receive buffer that the kernel granted an open socket. */
uint32_t table_receive_buffer(const struct table *table, uint32_t id);

/* The row of an open socket, or NULL. */
static inline struct row *table_row(const struct table *table, uint32_t id)
{
  return id < table->capacity && table->rows[id].fd >= 0 ? &table->rows[id] : 0;
}

#endif
