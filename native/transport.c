#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport-state.h"

void transport_drop_references(struct transport *t)
{
  layout_drop(&t->layout, 0);
  if (t->wake)
    napi_delete_reference(t->env, t->wake);
  t->wake = 0;
  t->batch_count = 0;
}

void transport_leave(struct transport *t)
{
  if (--t->users > 0)
    return;
  receiver_free(&t->receiver);
  free(t);
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

  int error = table_init(&t->table);
  if (error == 0)
    error = read_layout(t, a[0]);
  if (error == 0 && napi_create_reference(env, a[1], 1, &t->wake) != napi_ok)
    error = -EINVAL;
  if (error == 0)
    error = wake_start(t, value_uint32(env, a[2]));
  if (error == 0 && napi_create_object(env, &object) != napi_ok)
    error = -ENOMEM;
  if (error < 0)
    goto out;

  calls_add(t, object);
  transport_leave(t);
  return object;

out:
  transport_drop_references(t);
  if (t->poll)
    wake_shut(t, 0);
  else
    table_free(&t->table);
  transport_leave(t);
  napi_throw_error(env, 0, strerror(-error));
  return 0;
}
