#ifndef TACITURN_ADDRESS_H
#define TACITURN_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * An address as tables and batches hold it:
 *
 *   octet  0        1      2..3                4..19
 *          family   zero   port (big-endian)   IP, network order, zeros behind IPv4
 *
 * The family is 4 or 6. IPv4-mapped IPv6 is stored as IPv4.
 */
#define RECORD 20

union endpoint {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

/* Writes the record of an address that the kernel gave. */
void record_from_endpoint(const union endpoint *from, uint8_t *record);

/*
 * Makes of a record what the kernel takes on a socket of this family (4 or 6).
 * Returns its length, or 0 when an IPv4 socket is to reach an IPv6 address.
 */
socklen_t record_to_endpoint(const uint8_t *record, int family, union endpoint *to);

#endif
