/* When JavaScript is woken: by datagrams, or by a timer where they come too often. And how that ends. */
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "transport-state.h"

static void on_closed(uv_handle_t *handle)
{
  struct transport *t = handle->data;

  if (handle == (uv_handle_t *)t->tick) {
    t->tick = 0;
    close(t->timer);
  } else {
    t->poll = 0;
  }
  free(handle);
  /* The environment waits for this before it goes. */
  if (!t->tick && !t->poll && t->hook)
    napi_remove_async_cleanup_hook(t->hook);
  transport_leave(t);
}

void wake_shut(struct transport *t, int abandon)
{
  if (!t->poll || uv_is_closing((uv_handle_t *)t->poll))
    return;
  uv_poll_stop(t->poll);
  uv_poll_stop(t->tick);
  uv_close((uv_handle_t *)t->poll, on_closed);
  uv_close((uv_handle_t *)t->tick, on_closed);
  if (abandon)
    table_abandon(&t->table);
  else
    table_free(&t->table);
  t->batch_count = 0;
}

/* The environment ends, and nobody has called stop(): a thread that broke or was ended. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data)
{
  (void)hook;
  wake_shut(data, 1);
}

static uint64_t now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One crossing into JavaScript for each wake; it calls receive() itself. */
static void call_wake(struct transport *t)
{
  napi_handle_scope scope;
  napi_value wake, global, error;

  if (!t->wake || napi_open_handle_scope(t->env, &scope) != napi_ok)
    return;
  receiver_wake(&t->receiver, t->period > 0);
  if (napi_get_reference_value(t->env, t->wake, &wake) == napi_ok &&
      napi_get_global(t->env, &global) == napi_ok &&
      napi_make_callback(t->env, 0, global, wake, 0, 0, 0) == napi_pending_exception &&
      napi_get_and_clear_last_exception(t->env, &error) == napi_ok)
    napi_fatal_exception(t->env, error);
  napi_close_handle_scope(t->env, scope);
}

static void on_readable(uv_poll_t *poll, int status, int events);
static void on_tick(uv_poll_t *tick, int status, int events);

static void set_timer(struct transport *t, uint32_t period)
{
  struct timespec every = {.tv_sec = 0, .tv_nsec = (long)period};

  timerfd_settime(t->timer, 0, &(struct itimerspec){.it_interval = every, .it_value = every}, 0);
}

void wake_watch(struct transport *t)
{
  int wanted = t->table.open == 0 || t->paused ? 0 : t->period ? 2 : 1;

  if (wanted == t->polling)
    return;
  if (t->polling == 1)
    uv_poll_stop(t->poll);
  if (t->polling == 2) {
    uv_poll_stop(t->tick);
    set_timer(t, 0);
  }
  if (wanted == 1)
    uv_poll_start(t->poll, UV_READABLE, on_readable);
  if (wanted == 2) {
    set_timer(t, t->period);
    uv_poll_start(t->tick, UV_READABLE, on_tick);
  }
  t->polling = wanted;
}

static void woken(struct transport *t)
{
  call_wake(t);
  if (!transport_is_open(t))
    return;
  uint32_t period = pace_next(&t->pace, now(), t->receiver.datagrams);
  t->state[STATE_PERIOD] = period / 1000;
  if (period == t->period)
    return;
  if (t->period && period)
    set_timer(t, period);
  t->period = period;
  wake_watch(t);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
  (void)status;
  (void)events;
  woken(poll->data);
}

static void on_tick(uv_poll_t *tick, int status, int events)
{
  struct transport *t = tick->data;
  uint64_t expirations;
  (void)status;
  (void)events;

  if (read(t->timer, &expirations, sizeof expirations) == sizeof expirations)
    woken(t);
}

/* Makes a handle for `fd`; returns 0 or a negative errno. */
static int make_handle(struct transport *t, struct uv_loop_s *loop, int fd, uv_poll_t **into)
{
  uv_poll_t *handle = malloc(sizeof *handle);

  if (!handle)
    return -ENOMEM;
  int error = uv_poll_init(loop, handle, fd);
  if (error < 0) {
    free(handle);
    return error;
  }
  handle->data = t;
  *into = handle;
  t->users++;
  return 0;
}

int wake_start(struct transport *t, uint32_t longest_wait)
{
  struct uv_loop_s *loop;
  int error;

  pace_init(&t->pace, (uint64_t)longest_wait * 1000, now());
  if (napi_get_uv_event_loop(t->env, &loop) != napi_ok)
    return -ENOSYS;
  if ((t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) < 0)
    return -errno;
  if ((error = make_handle(t, loop, t->timer, &t->tick)) < 0) {
    close(t->timer);
    return error;
  }
  if ((error = make_handle(t, loop, t->table.epoll, &t->poll)) < 0) {
    uv_close((uv_handle_t *)t->tick, on_closed);
    return error;
  }
  napi_add_async_cleanup_hook(t->env, on_cleanup, t, &t->hook);
  return 0;
}
