#ifndef TACITURN_TRANSPORT_STATE_H
#define TACITURN_TRANSPORT_STATE_H

#include <uv.h>

#include "layout.h"
#include "pace.h"
#include "receive.h"
#include "send.h"
#include "transport.h"

/*
 * What a transport is made of, for the three parts of it: transport.c opens it, wake.c wakes JavaScript,
 * and calls.c is what JavaScript calls.
 */
struct transport {
  napi_env env;
  uv_poll_t *poll; /* datagrams wake us by this one, */
  uv_poll_t *tick; /* or the timer by this one */
  int timer;
  napi_async_cleanup_hook_handle hook;
  napi_ref wake;
  int polling;
  int paused; /* nothing wakes us */
  int users; /* JavaScript functions that point here, and the open poll handles */
  struct pace pace;
  uint32_t period; /* nanoseconds between looks; 0 while datagrams wake us */

  uint32_t *state;
  uint8_t *scratch; /* one address, to or from JavaScript */

  struct batch batches[MOST_BATCHES]; /* the first is our own */
  int batch_count;
  struct layout layout;

  struct table table;
  struct receiver receiver;
  struct sender sender;
};

static inline int transport_is_open(const struct transport *t)
{
  return t->batch_count > 0;
}

/* One user less. The last one frees it. */
void transport_leave(struct transport *t);

/* Lets go of what JavaScript has lent. */
void transport_drop_references(struct transport *t);

/* Begins to watch for datagrams and for the timer. Returns 0 or a negative errno. */
int wake_start(struct transport *t, uint32_t longest_wait);

/* Lets datagrams wake us, or the timer, or nothing where no socket is open: only open sockets keep the loop alive. */
void wake_watch(struct transport *t);

/*
 * Closes everything; memory stays until nothing in JavaScript points to it. With `abandon`, sockets
 * that are noted in the layout's `kept` stay open.
 */
void wake_shut(struct transport *t, int abandon);

/* Gives a transport its functions. */
void calls_add(struct transport *t, napi_value object);

#endif
