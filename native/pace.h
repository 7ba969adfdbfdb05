#ifndef TACITURN_PACE_H
#define TACITURN_PACE_H

#include <stdint.h>

/*
 * When to look for datagrams, as network cards moderate their interrupts. A wake
 * costs several times what a datagram costs. Where many come, but each wakes the
 * thread by itself, it is cheaper to look at fixed intervals and to take several
 * at once. Where few come, or they come in bursts, the datagrams wake the thread.
 *
 * The period follows the rate: about PACE_GATHER datagrams a wake, and no
 * datagram waits longer than `longest`. Times are nanoseconds of a monotonic clock.
 */
struct pace {
  uint64_t longest; /* what a datagram may wait; 0 where it may not */
  uint64_t last;    /* when the last wake ended */
  uint64_t held;    /* datagrams wake the thread until then, whatever the rate */
  uint32_t seen;    /* datagrams so far */
  uint32_t period;  /* between looks; 0 where datagrams wake the thread */
  double rate;      /* datagrams in a nanosecond, smoothed */
  double wakes;     /* wakes in a nanosecond while datagrams wake the thread, smoothed */
  double fruitless; /* share of the looks that found nothing, smoothed */
};

/* Datagrams that a look should find. */
#define PACE_GATHER 40

/* Below this there is no timer: so much comes that a thread which waits falls behind, and a batch is full by itself. */
#define PACE_SHORTEST 200000u

void pace_init(struct pace *pace, uint64_t longest, uint64_t now);

/*
 * To be called at the end of each wake, with all datagrams that were ever taken,
 * modulo 2^32. Returns the nanoseconds between looks from now on, or 0
 * where the thread should be woken by datagrams.
 */
uint32_t pace_next(struct pace *pace, uint64_t now, uint32_t datagrams);

#endif
