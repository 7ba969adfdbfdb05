/* What JavaScript calls on a transport. */
#include <errno.h>

#include "transport-state.h"
#include "value.h"

static napi_value call_bind(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);

  if (!transport_is_open(t))
    return value_from_int32(env, -EBADF);
  int error = table_bind(&t->table, value_uint32(env, a[0]), value_int32(env, a[1]), t->scratch, value_uint32(env, a[2]),
                         value_int32(env, a[3]), value_int32(env, a[4]), t->scratch);
  if (error == 0)
    t->state[STATE_BUFFER] = table_receive_buffer(&t->table, value_uint32(env, a[0]));
  wake_watch(t);
  return value_from_int32(env, error);
}

static napi_value call_close(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);

  if (!transport_is_open(t))
    return 0;
  table_close(&t->table, value_uint32(env, a[0]));
  wake_watch(t);
  return 0;
}

static napi_value call_give(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);

  if (!transport_is_open(t))
    return value_from_int32(env, -EBADF);
  int fd = table_give(&t->table, value_uint32(env, a[0]));
  wake_watch(t);
  return value_from_int32(env, fd);
}

static napi_value call_pause(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);
  bool on = false;

  napi_get_value_bool(env, a[0], &on);
  t->paused = on;
  if (transport_is_open(t))
    wake_watch(t);
  return 0;
}

static napi_value call_receive(napi_env env, napi_callback_info info)
{
  struct transport *t = value_arguments(env, info, (napi_value[MOST_ARGUMENTS]){0});

  if (!transport_is_open(t))
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

static napi_value call_send(napi_env env, napi_callback_info info)
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

static napi_value call_send_one(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);
  void *data;
  size_t octets;
  bool dont_fragment = false;

  if (!transport_is_open(t))
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

static napi_value call_lend(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct transport *t = value_arguments(env, info, a);

  if (!transport_is_open(t))
    return value_from_int32(env, -EBADF);
  if (t->batch_count == MOST_BATCHES)
    return value_from_int32(env, -ENOSPC);
  int error = layout_batch(&t->layout, a[0], &t->batches[t->batch_count]);
  return value_from_int32(env, error < 0 ? error : t->batch_count++);
}

static napi_value call_stop(napi_env env, napi_callback_info info)
{
  struct transport *t = value_arguments(env, info, (napi_value[MOST_ARGUMENTS]){0});

  wake_shut(t, 0);
  transport_drop_references(t);
  return 0;
}

static void finalize(napi_env env, void *data, void *hint)
{
  (void)env;
  (void)hint;
  transport_leave(data);
}

void calls_add(struct transport *t, napi_value object)
{
  t->users += value_add_method(t->env, object, "bind", call_bind, t, finalize);
  t->users += value_add_method(t->env, object, "close", call_close, t, finalize);
  t->users += value_add_method(t->env, object, "give", call_give, t, finalize);
  t->users += value_add_method(t->env, object, "pause", call_pause, t, finalize);
  t->users += value_add_method(t->env, object, "receive", call_receive, t, finalize);
  t->users += value_add_method(t->env, object, "send", call_send, t, finalize);
  t->users += value_add_method(t->env, object, "sendOne", call_send_one, t, finalize);
  t->users += value_add_method(t->env, object, "lend", call_lend, t, finalize);
  t->users += value_add_method(t->env, object, "stop", call_stop, t, finalize);
}
