/*
 * The addon as JavaScript sees it.
 *
 *   open(layout, wake) -> transport    one epoll, one slab, any number of sockets
 *   listen(record, flags, receiveBuffer, sendBuffer) -> fd or -errno
 *   duplicate(fd) -> fd or -errno
 *   release(fd)
 *   notify(path, text) -> 0 or -errno
 *   features() -> bits
 *
 *   transport.bind(id, fd, flags, receiveBuffer, sendBuffer) -> 0 or -errno
 *   transport.close(id)
 *   transport.receive() -> datagrams in the batch
 *   transport.send(batch, count) -> datagrams lost
 *   transport.sendOne(id, bytes, dontFragment) -> 0 or -errno
 *   transport.lend(batch) -> index for send(), or -errno
 *   transport.stop()
 *
 * No value is made for a datagram: `layout` is typed arrays that both sides
 * see. Calls that can fail return a negative errno; nothing here throws but
 * open() and lend(), when they are given what is no layout.
 *
 * There is no state outside a transport, so every worker thread may load this.
 */
#define NAPI_VERSION 8
#include <node_api.h>
#include <uv.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "notify.h"
#include "receive.h"
#include "send.h"

/* Batches of other transports that may be sent from. The first is our own. */
#define MOST_BATCHES 32

#define MOST_ARGUMENTS 5

#define FEATURE_GRO 1
#define FEATURE_GSO 2

/* Words of the layout's `state`, written for JavaScript to read. */
enum {
  STATE_ERRORS, /* ICMP errors of the last receive() */
  STATE_MORE,   /* whether receive() should be called again without waiting */
  STATE_QUEUE,  /* losses of the last send() */
  STATE_TOO_LONG,
  STATE_FAILED,
  STATE_BUFFER,   /* octets of receive buffer that the last bind() was granted */
  STATE_RECEIVES, /* calls of recvmmsg since the start, and so on; modulo 2^32 */
  STATE_RECEIVED,
  STATE_SENDS,
  STATE_SENT,
  STATE_BURSTS,
  STATE_WORDS
};

struct transport {
  napi_env env;
  uv_poll_t *poll;
  napi_async_cleanup_hook_handle hook;
  napi_ref wake;
  int polling;
  int users; /* JavaScript functions that point here, and the open poll handle */

  uint32_t *state;
  uint8_t *scratch; /* one address, to or from JavaScript */

  struct batch batches[MOST_BATCHES];
  int batch_count;

  /* What keeps the memory of the layouts where it is. */
  napi_ref references[MOST_BATCHES * 8];
  int reference_count;

  struct table table;
  struct receiver receiver;
  struct sender sender;
};

/* Arguments ------------------------------------------------------------- */

static struct transport *arguments(napi_env env, napi_callback_info info, napi_value *values)
{
  size_t count = MOST_ARGUMENTS;
  void *data = 0;

  napi_get_cb_info(env, info, &count, values, 0, &data);
  return data;
}

static uint32_t to_uint32(napi_env env, napi_value value)
{
  uint32_t number = 0;
  napi_get_value_uint32(env, value, &number);
  return number;
}

static int32_t to_int32(napi_env env, napi_value value)
{
  int32_t number = 0;
  napi_get_value_int32(env, value, &number);
  return number;
}

static napi_value from_int32(napi_env env, int32_t number)
{
  napi_value value = 0;
  napi_create_int32(env, number, &value);
  return value;
}

static int octets_of(napi_env env, napi_value array, void **data, size_t *octets)
{
  static const uint8_t WIDTH[] = {
    [napi_int8_array] = 1,   [napi_uint8_array] = 1,   [napi_uint8_clamped_array] = 1,
    [napi_int16_array] = 2,  [napi_uint16_array] = 2,  [napi_int32_array] = 4,
    [napi_uint32_array] = 4, [napi_float32_array] = 4, [napi_float64_array] = 8,
  };
  napi_typedarray_type type;
  size_t length;
  bool is_array = false;

  if (napi_is_typedarray(env, array, &is_array) != napi_ok || !is_array)
    return -EINVAL;
  if (napi_get_typedarray_info(env, array, &type, &length, data, 0, 0) != napi_ok)
    return -EINVAL;
  if ((size_t)type >= sizeof WIDTH)
    return -EINVAL;
  *octets = length * WIDTH[type];
  return 0;
}

/*
 * Finds the memory of one member of a layout and keeps it alive. Returns 0 or
 * -EINVAL when there are fewer than `least` octets.
 */
static int member(struct transport *t, napi_value layout, const char *name, size_t least, void *into,
                  size_t *octets)
{
  napi_value array;
  void *data;
  size_t size;

  if (napi_get_named_property(t->env, layout, name, &array) != napi_ok)
    return -EINVAL;
  if (octets_of(t->env, array, &data, &size) < 0 || size < least)
    return -EINVAL;
  if (t->reference_count == (int)(sizeof t->references / sizeof *t->references))
    return -ENOSPC;
  if (napi_create_reference(t->env, array, 1, &t->references[t->reference_count]) != napi_ok)
    return -ENOMEM;
  t->reference_count++;
  memcpy(into, &data, sizeof data);
  if (octets)
    *octets = size;
  return 0;
}

/* Takes the members that every batch has. */
static int read_batch(struct transport *t, napi_value layout, struct batch *b)
{
  size_t octets;
  int error;

  memset(b, 0, sizeof *b);
  if ((error = member(t, layout, "start", 4, &b->start, &octets)) < 0)
    return error;
  b->capacity = (uint32_t)(octets / 4);
  if ((error = member(t, layout, "length", octets, &b->length, 0)) < 0)
    return error;
  if ((error = member(t, layout, "socket", octets, &b->socket, 0)) < 0)
    return error;
  if ((error = member(t, layout, "remote", (size_t)b->capacity * RECORD, &b->remote, 0)) < 0)
    return error;
  if ((error = member(t, layout, "verdict", b->capacity, &b->verdict, 0)) < 0)
    return error;
  return member(t, layout, "bytes", 1, &b->bytes, &b->size);
}

/* Life ------------------------------------------------------------------ */

static void drop_references(struct transport *t)
{
  while (t->reference_count > 0)
    napi_delete_reference(t->env, t->references[--t->reference_count]);
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

static void on_poll_closed(uv_handle_t *handle)
{
  struct transport *t = handle->data;

  free(handle);
  t->poll = 0;
  /* The environment waits for this before it goes. */
  napi_remove_async_cleanup_hook(t->hook);
  leave(t);
}

/* Closes everything; memory stays until nothing in JavaScript points to it. */
static void shut(struct transport *t)
{
  if (!t->poll || uv_is_closing((uv_handle_t *)t->poll))
    return;
  uv_poll_stop(t->poll);
  uv_close((uv_handle_t *)t->poll, on_poll_closed);
  table_free(&t->table);
  t->batch_count = 0;
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data)
{
  (void)hook;
  shut(data);
}

static int is_open(const struct transport *t)
{
  return t->batch_count > 0;
}

/* One crossing into JavaScript for each wake; it calls receive() itself. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
  struct transport *t = poll->data;
  napi_handle_scope scope;
  napi_value wake, global, error;
  (void)status;
  (void)events;

  if (!t->wake || napi_open_handle_scope(t->env, &scope) != napi_ok)
    return;
  receiver_wake(&t->receiver);
  if (napi_get_reference_value(t->env, t->wake, &wake) == napi_ok &&
      napi_get_global(t->env, &global) == napi_ok &&
      napi_make_callback(t->env, 0, global, wake, 0, 0, 0) == napi_pending_exception &&
      napi_get_and_clear_last_exception(t->env, &error) == napi_ok)
    napi_fatal_exception(t->env, error);
  napi_close_handle_scope(t->env, scope);
}

/* The event loop is kept alive by open sockets, and by nothing else. */
static void watch(struct transport *t)
{
  int wanted = t->table.open > 0;

  if (wanted == t->polling)
    return;
  if (wanted)
    uv_poll_start(t->poll, UV_READABLE, on_readable);
  else
    uv_poll_stop(t->poll);
  t->polling = wanted;
}

/* The methods of a transport -------------------------------------------- */

static napi_value transport_bind(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = arguments(env, info, a);

  if (!is_open(t))
    return from_int32(env, -EBADF);
  int error = table_bind(&t->table, to_uint32(env, a[0]), to_int32(env, a[1]), t->scratch, to_uint32(env, a[2]),
                         to_int32(env, a[3]), to_int32(env, a[4]), t->scratch);
  if (error == 0)
    t->state[STATE_BUFFER] = table_receive_buffer(&t->table, to_uint32(env, a[0]));
  watch(t);
  return from_int32(env, error);
}

static napi_value transport_close(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = arguments(env, info, a);

  if (!is_open(t))
    return 0;
  table_close(&t->table, to_uint32(env, a[0]));
  watch(t);
  return 0;
}

static napi_value transport_receive(napi_env env, napi_callback_info info)
{
  struct transport *t = arguments(env, info, (napi_value[MOST_ARGUMENTS]){0});

  if (!is_open(t))
    return from_int32(env, 0);
  uint32_t count = receiver_read(&t->receiver, &t->table);
  t->state[STATE_ERRORS] = t->receiver.errors.count;
  t->state[STATE_MORE] = (uint32_t)receiver_has_more(&t->receiver);
  t->state[STATE_RECEIVES] = t->receiver.calls;
  t->state[STATE_RECEIVED] = t->receiver.datagrams;
  return from_int32(env, (int32_t)count);
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
  struct transport *t = arguments(env, info, a);
  uint32_t batch = to_uint32(env, a[0]);

  if (batch >= (uint32_t)t->batch_count)
    return from_int32(env, 0);
  sender_send(&t->sender, &t->table, &t->batches[batch], to_uint32(env, a[1]));

  struct losses *lost = &t->sender.losses;
  t->state[STATE_QUEUE] = lost->queue;
  t->state[STATE_TOO_LONG] = lost->too_long;
  t->state[STATE_FAILED] = lost->failed;
  tell_sent(t);
  return from_int32(env, (int32_t)(lost->queue + lost->too_long + lost->failed));
}

static napi_value transport_send_one(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = arguments(env, info, a);
  void *data;
  size_t octets;
  bool dont_fragment = false;

  if (!is_open(t))
    return from_int32(env, -EBADF);
  struct row *row = table_row(&t->table, to_uint32(env, a[0]));
  if (!row)
    return from_int32(env, -EBADF);
  if (octets_of(env, a[1], &data, &octets) < 0)
    return from_int32(env, -EINVAL);
  napi_get_value_bool(env, a[2], &dont_fragment);
  int error = sender_send_one(&t->sender, row, t->scratch, data, octets, dont_fragment);
  tell_sent(t);
  return from_int32(env, error);
}

static napi_value transport_lend(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = arguments(env, info, a);

  if (!is_open(t))
    return from_int32(env, -EBADF);
  if (t->batch_count == MOST_BATCHES)
    return from_int32(env, -ENOSPC);
  int before = t->reference_count;
  int error = read_batch(t, a[0], &t->batches[t->batch_count]);
  if (error < 0) {
    while (t->reference_count > before)
      napi_delete_reference(env, t->references[--t->reference_count]);
    return from_int32(env, error);
  }
  return from_int32(env, t->batch_count++);
}

static napi_value transport_stop(napi_env env, napi_callback_info info)
{
  struct transport *t = arguments(env, info, (napi_value[MOST_ARGUMENTS]){0});

  shut(t);
  drop_references(t);
  return 0;
}

/* Opening --------------------------------------------------------------- */

static int read_layout(struct transport *t, napi_value layout)
{
  struct batch *b = &t->batches[0];
  struct errors *errors = &t->receiver.errors;
  size_t octets;
  int error;

  if ((error = read_batch(t, layout, b)) < 0)
    return error;
  if ((error = member(t, layout, "ttl", b->capacity, &b->ttl, 0)) < 0)
    return error;
  if ((error = member(t, layout, "tos", b->capacity, &b->tos, 0)) < 0)
    return error;
  if ((error = member(t, layout, "errors", ERROR_WORDS * 4, &errors->words, &octets)) < 0)
    return error;
  errors->capacity = (uint32_t)(octets / (ERROR_WORDS * 4));
  if ((error = member(t, layout, "errorPeers", (size_t)errors->capacity * RECORD, &errors->peers, 0)) < 0)
    return error;
  if ((error = member(t, layout, "state", STATE_WORDS * 4, &t->state, 0)) < 0)
    return error;
  if ((error = member(t, layout, "scratch", RECORD, &t->scratch, 0)) < 0)
    return error;
  t->batch_count = 1;
  return receiver_init(&t->receiver, b);
}

static int start_poll(struct transport *t)
{
  struct uv_loop_s *loop;
  int error;

  if (napi_get_uv_event_loop(t->env, &loop) != napi_ok)
    return -ENOSYS;
  uv_poll_t *poll = malloc(sizeof *poll);
  if (!poll)
    return -ENOMEM;
  if ((error = uv_poll_init(loop, poll, t->table.epoll)) < 0) {
    free(poll);
    return error;
  }
  poll->data = t;
  t->poll = poll;
  t->users++;
  napi_add_async_cleanup_hook(t->env, on_cleanup, t, &t->hook);
  return 0;
}

/* Gives `object` a function that points to `t`. */
static void method(struct transport *t, napi_value object, const char *name, napi_callback function)
{
  napi_value value;

  if (napi_create_function(t->env, name, NAPI_AUTO_LENGTH, function, t, &value) != napi_ok)
    return;
  if (napi_add_finalizer(t->env, value, t, finalize, 0, 0) != napi_ok)
    return;
  t->users++;
  napi_set_named_property(t->env, object, name, value);
}

static napi_value open_transport(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS], object = 0;
  arguments(env, info, a);

  struct transport *t = calloc(1, sizeof *t);
  if (!t) {
    napi_throw_error(env, "ENOMEM", "no memory for a transport");
    return 0;
  }
  t->env = env;
  t->users = 1;
  sender_init(&t->sender);

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
    shut(t);
  else
    table_free(&t->table);
  leave(t);
  napi_throw_error(env, 0, strerror(-error));
  return 0;
}

/* Functions without a transport ----------------------------------------- */

static napi_value open_socket(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  void *record;
  size_t octets;

  arguments(env, info, a);
  if (octets_of(env, a[0], &record, &octets) < 0 || octets < RECORD)
    return from_int32(env, -EINVAL);
  return from_int32(env, socket_open(record, to_uint32(env, a[1]), to_int32(env, a[2]), to_int32(env, a[3]), record));
}

static napi_value duplicate(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];

  arguments(env, info, a);
  int fd = fcntl(to_int32(env, a[0]), F_DUPFD_CLOEXEC, 3);
  return from_int32(env, fd < 0 ? -errno : fd);
}

static napi_value release(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];

  arguments(env, info, a);
  close(to_int32(env, a[0]));
  return 0;
}

static napi_value notify_manager(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  char path[128], text[1024];
  size_t length;

  arguments(env, info, a);
  if (napi_get_value_string_utf8(env, a[0], path, sizeof path, &length) != napi_ok ||
      napi_get_value_string_utf8(env, a[1], text, sizeof text, &length) != napi_ok)
    return from_int32(env, -EINVAL);
  return from_int32(env, notify(path, text, length));
}

static napi_value features(napi_env env, napi_callback_info info)
{
  (void)info;
  return from_int32(env, (kernel_has_gro() ? FEATURE_GRO : 0) | (kernel_has_gso() ? FEATURE_GSO : 0));
}

static void export_number(napi_env env, napi_value exports, const char *name, uint32_t number)
{
  napi_value value;
  if (napi_create_uint32(env, number, &value) == napi_ok)
    napi_set_named_property(env, exports, name, value);
}

static void export_function(napi_env env, napi_value exports, const char *name, napi_callback function)
{
  napi_value value;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, 0, &value) == napi_ok)
    napi_set_named_property(env, exports, name, value);
}

NAPI_MODULE_INIT()
{
  export_function(env, exports, "open", open_transport);
  export_function(env, exports, "listen", open_socket);
  export_function(env, exports, "duplicate", duplicate);
  export_function(env, exports, "release", release);
  export_function(env, exports, "notify", notify_manager);
  export_function(env, exports, "features", features);
  export_number(env, exports, "largest", LARGEST);
  export_number(env, exports, "stateWords", STATE_WORDS);
  return exports;
}
