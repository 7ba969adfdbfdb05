#include "watcher.h"

#include <uv.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "address.h"
#include "routes.h"

struct watcher {
  napi_env env;
  uv_poll_t *poll;
  napi_async_cleanup_hook_handle hook;
  napi_ref wake;
  int ask;  /* descriptors; -1 once closed */
  int news;
  int users; /* JavaScript functions that point here, and the open poll handle */
};

static void close_descriptors(struct watcher *w)
{
  if (w->ask >= 0)
    close(w->ask);
  if (w->news >= 0)
    close(w->news);
  w->ask = w->news = -1;
}

static void leave(struct watcher *w)
{
  if (--w->users == 0)
    free(w);
}

static void finalize(napi_env env, void *data, void *hint)
{
  (void)env;
  (void)hint;
  leave(data);
}

static void on_poll_closed(uv_handle_t *handle)
{
  struct watcher *w = handle->data;

  free(handle);
  w->poll = 0;
  /* The environment waits for this before it goes. */
  napi_remove_async_cleanup_hook(w->hook);
  leave(w);
}

/* Closes everything; memory stays until nothing in JavaScript points to it. */
static void shut(struct watcher *w)
{
  if (w->poll && !uv_is_closing((uv_handle_t *)w->poll)) {
    uv_poll_stop(w->poll);
    uv_close((uv_handle_t *)w->poll, on_poll_closed);
  }
  close_descriptors(w);
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data)
{
  (void)hook;
  shut(data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
  struct watcher *w = poll->data;
  napi_handle_scope scope;
  napi_value wake, global, error;
  (void)status;
  (void)events;

  if (!w->wake || napi_open_handle_scope(w->env, &scope) != napi_ok)
    return;
  if (napi_get_reference_value(w->env, w->wake, &wake) == napi_ok &&
      napi_get_global(w->env, &global) == napi_ok &&
      napi_make_callback(w->env, 0, global, wake, 0, 0, 0) == napi_pending_exception &&
      napi_get_and_clear_last_exception(w->env, &error) == napi_ok)
    napi_fatal_exception(w->env, error);
  napi_close_handle_scope(w->env, scope);
}

static napi_value delivers_here(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct watcher *w = value_arguments(env, info, a);
  void *record, *source = 0;
  size_t octets;
  napi_valuetype type;

  if (w->ask < 0)
    return value_from_int32(env, -EBADF);
  if (value_octets(env, a[0], &record, &octets) < 0 || octets < RECORD)
    return value_from_int32(env, -EINVAL);
  if (napi_typeof(env, a[1], &type) != napi_ok)
    return value_from_int32(env, -EINVAL);
  if (type != napi_undefined && (value_octets(env, a[1], &source, &octets) < 0 || octets < RECORD))
    return value_from_int32(env, -EINVAL);
  return value_from_int32(env, routes_deliver_here(w->ask, record, source, (uint8_t)value_uint32(env, a[2])));
}

static napi_value rules(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  void *words;
  size_t octets;

  value_arguments(env, info, a);
  if (value_octets(env, a[0], &words, &octets) < 0 || (uintptr_t)words % sizeof(uint32_t))
    return value_from_int32(env, -EINVAL);
  return value_from_int32(env, routes_rules(words, octets / (3 * sizeof(uint32_t))));
}

static napi_value changed(napi_env env, napi_callback_info info)
{
  struct watcher *w = value_arguments(env, info, (napi_value[MOST_ARGUMENTS]){0});

  return value_from_int32(env, w->news < 0 ? 0 : routes_have_changed(w->news));
}

static napi_value stop(napi_env env, napi_callback_info info)
{
  struct watcher *w = value_arguments(env, info, (napi_value[MOST_ARGUMENTS]){0});

  shut(w);
  if (w->wake)
    napi_delete_reference(env, w->wake);
  w->wake = 0;
  return 0;
}

static int start_poll(struct watcher *w)
{
  struct uv_loop_s *loop;
  int error;

  if (napi_get_uv_event_loop(w->env, &loop) != napi_ok)
    return -ENOSYS;
  uv_poll_t *poll = malloc(sizeof *poll);
  if (!poll)
    return -ENOMEM;
  if ((error = uv_poll_init(loop, poll, w->news)) < 0) {
    free(poll);
    return error;
  }
  poll->data = w;
  w->poll = poll;
  w->users++;
  napi_add_async_cleanup_hook(w->env, on_cleanup, w, &w->hook);
  uv_poll_start(poll, UV_READABLE, on_readable);
  uv_unref((uv_handle_t *)poll);
  return 0;
}

napi_value watcher_open(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS], object = 0;
  value_arguments(env, info, a);

  struct watcher *w = calloc(1, sizeof *w);
  if (!w)
    return value_from_int32(env, -ENOMEM);
  w->env = env;
  w->users = 1;
  w->ask = routes_open();
  w->news = routes_watch();

  int error = w->ask < 0 ? w->ask : w->news < 0 ? w->news : 0;
  if (error == 0 && napi_create_reference(env, a[0], 1, &w->wake) != napi_ok)
    error = -EINVAL;
  if (error == 0 && napi_create_object(env, &object) != napi_ok)
    error = -ENOMEM;
  if (error == 0)
    error = start_poll(w);
  if (error < 0)
    goto out;

  w->users += value_add_method(env, object, "deliversHere", delivers_here, w, finalize);
  w->users += value_add_method(env, object, "rules", rules, w, finalize);
  w->users += value_add_method(env, object, "changed", changed, w, finalize);
  w->users += value_add_method(env, object, "stop", stop, w, finalize);
  leave(w);
  return object;

out:
  if (w->wake)
    napi_delete_reference(env, w->wake);
  w->wake = 0;
  shut(w);
  leave(w);
  return value_from_int32(env, error);
}
