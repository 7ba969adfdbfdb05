#ifndef TACITURN_BATCH_H
#define TACITURN_BATCH_H

#include <stddef.h>
#include <stdint.h>

/* A datagram's verdict, as JavaScript set it. */
#define VERDICT_SEND 1

/* Octets free before and behind every datagram that is handed up, as in src/base/batch.ts. */
#define HEADROOM 64
#define TAILROOM 8

/* More than a UDP datagram, or what UDP_GRO glues together, can hold. */
#define LARGEST 65536

/*
 * A batch as C sees it: memory that JavaScript allocated, up to `capacity`
 * datagrams in one slab, described by parallel arrays.
 */
struct batch {
  uint8_t *bytes;
  size_t size;
  uint32_t capacity;
  uint32_t *start;
  uint32_t *length;
  uint32_t *socket;
  uint8_t *remote;
  uint8_t *verdict;
  /*
   * TTL or hop limit, and TOS or traffic class, as received; 0 where unknown.
   * NULL on batches that came from elsewhere.
   */
  uint8_t *ttl;
  uint8_t *tos;
};

#endif
