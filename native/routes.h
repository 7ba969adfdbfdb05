#ifndef TACITURN_ROUTES_H
#define TACITURN_ROUTES_H

#include <stddef.h>
#include <stdint.h>

/*
 * Asks the kernel where packets go (rtnetlink(7)). Descriptors are netlink
 * sockets of the network namespace that the process is in.
 */

/* Opens a socket to ask by. Returns it, or a negative errno. */
int routes_open(void);

/* Opens a socket that can be read when addresses, links, rules or routes change. Returns it, or a negative errno. */
int routes_watch(void);

/*
 * Whether this machine itself takes the UDP that is sent to the address in `record`,
 * from that in `source` where there is one, with this TOS or traffic class, since rules may go by all of it.
 * Ports and addresses that are zero are not asked for.
 * 1 for one of its addresses, a local route, subnet-router anycast or a
 * broadcast address, 0 for everything else. Returns a negative errno when the
 * kernel does not answer the question.
 */
int routes_deliver_here(int fd, const uint8_t *record, const uint8_t *source, uint8_t tos);

/* What rules go by, besides addresses and what is the same for all that the relay sends. */
#define ROUTES_PEER_PORT 1
#define ROUTES_RELAY_PORT 2
#define ROUTES_TOS 3
/* A mark of the firewall, and whatever else cannot be asked about. */
#define ROUTES_OTHER 4

/*
 * Reads what the rules of routing go by: three words each, none of them twice, which are one of the above,
 * and the first and the last value of ROUTES_RELAY_PORT and ROUTES_TOS. Returns how many there are; -E2BIG where there are more than `room`, or another negative errno.
 */
int routes_rules(uint32_t *words, size_t room);

/*
 * Reads what has happened since the last call, and whether any of it may
 * change what the kernel delivers here or which way is the default: 1 or 0.
 * Routes to other networks come and go all the time, and do not.
 */
int routes_have_changed(int fd);

#endif
