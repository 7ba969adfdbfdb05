#ifndef TACITURN_ROUTES_H
#define TACITURN_ROUTES_H

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
 * from that in `source` where there is one, since rules may go by it:
 * 1 for one of its addresses, a local route, subnet-router anycast or a
 * broadcast address, 0 for everything else. Returns a negative errno when the
 * kernel does not answer the question.
 */
int routes_deliver_here(int fd, const uint8_t *record, const uint8_t *source);

/*
 * Reads what has happened since the last call, and whether any of it may
 * change what the kernel delivers here or which way is the default: 1 or 0.
 * Routes to other networks come and go all the time, and do not.
 */
int routes_have_changed(int fd);

#endif
