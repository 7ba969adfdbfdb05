#ifndef TACITURN_ERRQUEUE_H
#define TACITURN_ERRQUEUE_H

#include <stdint.h>

#include "socket.h"

/* Words of one error: socket, errno << 8 | origin, type << 8 | code, information (an MTU). */
#define ERROR_WORDS 4

/* Errors waiting to be read by JavaScript, and where the datagrams they are about were going. */
struct errors {
  uint32_t *words;
  uint8_t *peers; /* RECORD octets each */
  uint32_t capacity;
  uint32_t count;
};

/*
 * Takes what is in a socket's error queue. What does not fit is left there and
 * keeps `row->error` set.
 */
void errqueue_read(struct row *row, uint32_t id, struct errors *errors);

#endif
