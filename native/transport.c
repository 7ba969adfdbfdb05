#include "transport.h"

#include <uv.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "layout.h"
#include "pace.h"
#include "receive.h"
#include "send.h"

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

static void drop_references(struct transport *t)
{
  layout_drop(&t->layout, 0);
  if (t->wake)
    napi_delete_reference(t->env, t->wake);
  t->wake = 0;
  t->batch_count = 0;
}

static void leave(struct transport *t)
{
  if (--t->users > 0)
    return;
  receiver_free(&t->receiver);
  free(t);
}

static void finalize(napi_env env, void *data, void *hint)
{
  (void)env;
  (void)hint;
  leave(data);
}

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
  leave(t);
}

/*
 * Closes everything; memory stays until nothing in JavaScript points to it. With `abandon`, sockets
 * that are noted in the layout's `kept` stay open.
 */
static void shut(struct transport *t, int abandon)
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
  shut(data, 1);
}

static int is_open(const struct transport *t)
{
  return t->batch_count > 0;
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

/* Lets datagrams wake us, or the timer, or nothing where no socket is open: only open sockets keep the loop alive. */
static void watch(struct transport *t)
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
  if (!is_open(t))
    return;
  uint32_t period = pace_next(&t->pace, now(), t->receiver.datagrams);
  t->state[STATE_PERIOD] = period / 1000;
  if (period == t->period)
    return;
  if (t->period && period)
    set_timer(t, period);
  t->period = period;
  watch(t);
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

static napi_value transport_bind(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);

  if (!is_open(t))
    return value_from_int32(env, -EBADF);
  int error = table_bind(&t->table, value_uint32(env, a[0]), value_int32(env, a[1]), t->scratch, value_uint32(env, a[2]),
                         value_int32(env, a[3]), value_int32(env, a[4]), t->scratch);
  if (error == 0)
    t->state[STATE_BUFFER] = table_receive_buffer(&t->table, value_uint32(env, a[0]));
  watch(t);
  return value_from_int32(env, error);
}

static napi_value transport_close(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);

  if (!is_open(t))
    return 0;
  table_close(&t->table, value_uint32(env, a[0]));
  watch(t);
  return 0;
}

static napi_value transport_give(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);

  if (!is_open(t))
    return value_from_int32(env, -EBADF);
  int fd = table_give(&t->table, value_uint32(env, a[0]));
  watch(t);
  return value_from_int32(env, fd);
}

static napi_value transport_pause(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);
  bool on = false;

  napi_get_value_bool(env, a[0], &on);
  t->paused = on;
  if (is_open(t))
    watch(t);
  return 0;
}

static napi_value transport_receive(napi_env env, napi_callback_info info)
{
  struct transport *t = value_arguments(env, info, (napi_value[MOST_ARGUMENTS]){0});

  if (!is_open(t))
    return value_from_int32(env, 0);
  uint32_t count = receiver_read(&t->receiver, &t->table);
  t->state[STATE_ERRORS] = t->receiver.errors.count;
  t->state[STATE_MORE] = (uint32_t)receiver_has_more(&t->receiver);
  t->state[STATE_RECEIVES] = t->receiver.calls;
  t->state[STATE_RECEIVED] = t->receiver.datagrams;
  return value_from_int32(env, (int32_t)count);
}

static void tell_sent(struct transport *t)
{
  t->state[STATE_SENDS] = t->sender.calls;
  t->state[STATE_SENT] = t->sender.datagrams;
  t->state[STATE_BURSTS] = t->sender.bursts;
}

static napi_value transport_send(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);
  uint32_t batch = value_uint32(env, a[0]);

  if (batch >= (uint32_t)t->batch_count)
    return value_from_int32(env, 0);
  sender_send(&t->sender, &t->table, &t->batches[batch], value_uint32(env, a[1]));

  struct losses *lost = &t->sender.losses;
  t->state[STATE_QUEUE] = lost->queue;
  t->state[STATE_TOO_LONG] = lost->too_long;
  t->state[STATE_FAILED] = lost->failed;
  tell_sent(t);
  return value_from_int32(env, (int32_t)(lost->queue + lost->too_long + lost->failed));
}

static napi_value transport_send_one(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);
  void *data;
  size_t octets;
  bool dont_fragment = false;

  if (!is_open(t))
    return value_from_int32(env, -EBADF);
  struct row *row = table_row(&t->table, value_uint32(env, a[0]));
  if (!row)
    return value_from_int32(env, -EBADF);
  if (value_octets(env, a[1], &data, &octets) < 0)
    return value_from_int32(env, -EINVAL);
  napi_get_value_bool(env, a[2], &dont_fragment);
  int error = sender_send_one(&t->sender, row, t->scratch, data, octets, dont_fragment);
  tell_sent(t);
  return value_from_int32(env, error);
}

static napi_value transport_lend(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);

  if (!is_open(t))
    return value_from_int32(env, -EBADF);
  if (t->batch_count == MOST_BATCHES)
    return value_from_int32(env, -ENOSPC);
  int error = layout_batch(&t->layout, a[0], &t->batches[t->batch_count]);
  return value_from_int32(env, error < 0 ? error : t->batch_count++);
}

static napi_value transport_stop(napi_env env, napi_callback_info info)
{
  struct transport *t = value_arguments(env, info, (napi_value[MOST_ARGUMENTS]){0});

  shut(t, 0);
  drop_references(t);
  return 0;
}

static int read_layout(struct transport *t, napi_value object)
{
  struct layout *l = &t->layout;
  struct batch *b = &t->batches[0];
  struct errors *errors = &t->receiver.errors;
  size_t octets;
  int error;

  l->env = t->env;
  if ((error = layout_batch(l, object, b)) < 0)
    return error;
  if ((error = layout_member(l, object, "ttl", b->capacity, &b->ttl, 0)) < 0)
    return error;
  if ((error = layout_member(l, object, "tos", b->capacity, &b->tos, 0)) < 0)
    return error;
  if ((error = layout_member(l, object, "errors", ERROR_WORDS * 4, &errors->words, &octets)) < 0)
    return error;
  errors->capacity = (uint32_t)(octets / (ERROR_WORDS * 4));
  if ((error = layout_member(l, object, "errorPeers", (size_t)errors->capacity * RECORD, &errors->peers, 0)) < 0)
    return error;
  if ((error = layout_member(l, object, "state", STATE_WORDS * 4, &t->state, 0)) < 0)
    return error;
  if ((error = layout_member(l, object, "scratch", RECORD, &t->scratch, 0)) < 0)
    return error;
  if ((error = layout_member(l, object, "kept", 0, &t->table.kept, &octets)) < 0)
    return error;
  t->table.kept_capacity = (uint32_t)(octets / sizeof *t->table.kept);
  t->batch_count = 1;
  return receiver_init(&t->receiver, b);
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

static int start_poll(struct transport *t)
{
  struct uv_loop_s *loop;
  int error;

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

/* Gives `object` a function that points to `t`. */
static void method(struct transport *t, napi_value object, const char *name, napi_callback function)
{
  napi_value value = value_add_function(t->env, object, name, function, t);

  if (value && napi_add_finalizer(t->env, value, t, finalize, 0, 0) == napi_ok)
    t->users++;
}

napi_value transport_open(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS], object = 0;
  value_arguments(env, info, a);

  struct transport *t = calloc(1, sizeof *t);
  if (!t) {
    napi_throw_error(env, "ENOMEM", "no memory for a transport");
    return 0;
  }
  t->env = env;
  t->users = 1;
  sender_init(&t->sender);
  pace_init(&t->pace, (uint64_t)value_uint32(env, a[2]) * 1000, now());

  int error = table_init(&t->table);
  if (error == 0)
    error = read_layout(t, a[0]);
  if (error == 0 && napi_create_reference(env, a[1], 1, &t->wake) != napi_ok)
    error = -EINVAL;
  if (error == 0)
    error = start_poll(t);
  if (error == 0 && napi_create_object(env, &object) != napi_ok)
    error = -ENOMEM;
  if (error < 0)
    goto out;

  method(t, object, "bind", transport_bind);
  method(t, object, "close", transport_close);
  method(t, object, "give", transport_give);
  method(t, object, "pause", transport_pause);
  method(t, object, "receive", transport_receive);
  method(t, object, "send", transport_send);
  method(t, object, "sendOne", transport_send_one);
  method(t, object, "lend", transport_lend);
  method(t, object, "stop", transport_stop);
  leave(t);
  return object;

out:
  drop_references(t);
  if (t->poll)
    shut(t, 0);
  else
    table_free(&t->table);
  leave(t);
  napi_throw_error(env, 0, strerror(-error));
  return 0;
}
