#include "passages.h"

#include <uv.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pump.h"

/* Steps of niceness between this thread and those that relay. */
#define NICER 5

struct passages {
  napi_env env;
  struct pump pump;
  uv_mutex_t lock;
  uv_thread_t thread;
  int news;
  bool runs;
  bool stops; /* behind the lock */
  int users;  /* JavaScript functions that point here, and who opens it */
};

static void run(void *data)
{
  struct passages *s = data;
  struct epoll_event events[PUMP_EVENTS];
  bool more = false, stops = false;

  /* This thread alone: calls go first, and where cores are short it is woken less often, for more at a time. */
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER);
  while (!stops) {
    int count = pump_wait(&s->pump, events, more);
    bool news;

    uv_mutex_lock(&s->lock);
    more = pump_serve(&s->pump, events, count, &news);
    stops = s->stops;
    uv_mutex_unlock(&s->lock);
    /* If the stream is full, an octet that has not been read yet says the same. */
    if (news)
      (void)send(s->news, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

/* Nothing is passed on afterwards. */
static void shut(void *data)
{
  struct passages *s = data;

  if (!s->runs)
    return;
  s->runs = false;
  uv_mutex_lock(&s->lock);
  s->stops = true;
  uv_mutex_unlock(&s->lock);
  pump_ring(&s->pump);
  uv_thread_join(&s->thread);
  pump_free(&s->pump);
  close(s->news);
}

static void leave(struct passages *s)
{
  if (--s->users > 0)
    return;
  napi_remove_env_cleanup_hook(s->env, shut, s);
  shut(s);
  uv_mutex_destroy(&s->lock);
  free(s);
}

static void finalize(napi_env env, void *data, void *hint)
{
  (void)env;
  (void)hint;
  leave(data);
}

static napi_value carry(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct passages *s = value_arguments(env, info, a);

  if (!s->runs)
    return value_from_int32(env, -EBADF);
  int one = value_int32(env, a[0]), other = value_int32(env, a[1]);
  uv_mutex_lock(&s->lock);
  int number = pump_carry(&s->pump, one, other);
  uv_mutex_unlock(&s->lock);
  return value_from_int32(env, number);
}

static napi_value moved(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct passages *s = value_arguments(env, info, a);
  uint32_t number = value_uint32(env, a[0]);
  void *words;
  size_t octets;

  if (!s->runs)
    return value_from_int32(env, -EBADF);
  if (value_octets(env, a[1], &words, &octets) < 0 || octets < PUMP_SIDES * sizeof(uint32_t))
    return value_from_int32(env, -EINVAL);
  uv_mutex_lock(&s->lock);
  int error = pump_moved(&s->pump, number, words);
  uv_mutex_unlock(&s->lock);
  return value_from_int32(env, error);
}

static napi_value ended(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct passages *s = value_arguments(env, info, a);
  void *words;
  size_t octets;

  if (!s->runs || value_octets(env, a[0], &words, &octets) < 0)
    return value_from_int32(env, 0);
  uint32_t most = (uint32_t)(octets / (PUMP_ENDED_WORDS * sizeof(uint32_t)));
  uv_mutex_lock(&s->lock);
  uint32_t count = pump_ended(&s->pump, words, most);
  uv_mutex_unlock(&s->lock);
  return value_from_int32(env, (int32_t)count);
}

static napi_value release(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  struct passages *s = value_arguments(env, info, a);
  uint32_t number = value_uint32(env, a[0]);

  if (!s->runs)
    return 0;
  uv_mutex_lock(&s->lock);
  pump_release(&s->pump, number);
  uv_mutex_unlock(&s->lock);
  return 0;
}

static napi_value stop(napi_env env, napi_callback_info info)
{
  shut(value_arguments(env, info, (napi_value[MOST_ARGUMENTS]){0}));
  return 0;
}

napi_value passages_open(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS], object = 0;
  int error;

  value_arguments(env, info, a);
  struct passages *s = calloc(1, sizeof *s);
  if (!s)
    return value_from_int32(env, -ENOMEM);
  s->env = env;
  s->users = 1;
  if ((error = pump_init(&s->pump)) < 0)
    goto no_pump;
  if ((error = uv_mutex_init(&s->lock)) < 0)
    goto no_lock;
  if (napi_create_object(env, &object) != napi_ok) {
    error = -ENOMEM;
    goto no_thread;
  }
  s->news = value_int32(env, a[0]);
  if ((error = uv_thread_create(&s->thread, run, s)) < 0)
    goto no_thread;
  s->runs = true;
  /* JavaScript's threads end without a word where they are ended from outside; this one has to end before the memory does. */
  napi_add_env_cleanup_hook(env, shut, s);

  s->users += value_add_method(env, object, "carry", carry, s, finalize);
  s->users += value_add_method(env, object, "moved", moved, s, finalize);
  s->users += value_add_method(env, object, "ended", ended, s, finalize);
  s->users += value_add_method(env, object, "release", release, s, finalize);
  s->users += value_add_method(env, object, "stop", stop, s, finalize);
  leave(s);
  return object;

no_thread:
  uv_mutex_destroy(&s->lock);
no_lock:
  pump_free(&s->pump);
no_pump:
  free(s);
  return value_from_int32(env, error);
}
