#ifndef TACITURN_PUMP_H
#define TACITURN_PUMP_H

/*
 * Passes octets between pairs of connected TCP sockets, as they are. No more is
 * kept than the kernel's buffers of the two: octets are looked at, sent, and
 * only then taken (MSG_PEEK, MSG_TRUNC). Knows nothing of Node.js and of
 * threads; one thread waits, and a lock is held for every other call.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define PUMP_SIDES 2
/* Octets that are moved with one call. */
#define PUMP_CHUNK (128 * 1024)
/* Calls for one direction before others have their turn. */
#define PUMP_TURNS 4
#define PUMP_EVENTS 64
/* Words that `pump_ended` and `pump_moved` write. */
#define PUMP_ENDED_WORDS 4

struct pump_links {
  int32_t first, last;
};

struct pump_side {
  int fd;
  uint32_t moved; /* octets that came from here, modulo 2^32 */
  bool readable, writable;
  bool closing; /* the other end has said that it sends no more; octets may still wait */
  bool ended;   /* and all of them have been passed on */
};

enum pump_state { PUMP_FREE, PUMP_LIVE, PUMP_ENDED };

struct passage {
  struct pump_side sides[PUMP_SIDES];
  struct pump_links *list; /* which it stands in, if any */
  int32_t before, after;
  enum pump_state state;
  int error;
};

struct pump {
  int epoll;
  int bell; /* wakes the thread that waits */
  uint8_t *scratch;
  struct passage *passages;
  uint32_t room;
  struct pump_links spare, busy, ended;
};

/* Returns 0 or a negated errno; then nothing has to be freed. */
int pump_init(struct pump *p);
/* Closes everything that it has opened. */
void pump_free(struct pump *p);
/* Begins to pass octets between duplicates of two descriptors. Returns the number of the passage, or a negated errno. */
int pump_carry(struct pump *p, int one, int other);
/* Ends a passage and frees its number; the caller's descriptors stay open. */
void pump_release(struct pump *p, uint32_t number);
/* Writes what came from each side, modulo 2^32. Returns 0 or -EBADF. */
int pump_moved(struct pump *p, uint32_t number, uint32_t words[PUMP_SIDES]);
/*
 * Writes of each passage that has ended since: its number, the errno or 0, and what came from each side. Returns how
 * many; they stay taken until they are released.
 */
uint32_t pump_ended(struct pump *p, uint32_t *words, uint32_t most);
/* Waits for something to do. Returns how many events there are. The only call that may take time, and that needs no lock. */
int pump_wait(struct pump *p, struct epoll_event events[PUMP_EVENTS], bool more);
/* Does it. Returns whether there is more to do at once; sets `news` if a passage has ended and none had before. */
bool pump_serve(struct pump *p, const struct epoll_event *events, int count, bool *news);
/* Wakes the thread that waits. */
void pump_ring(struct pump *p);

#endif
