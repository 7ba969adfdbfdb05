/*
 * The addon as JavaScript sees it. Numbers below 0 are a negated errno.
 *
 *   open(layout, wake, longestWait) -> transport, see transport.h
 *   listen(record, flags, receiveBuffer, sendBuffer) -> fd; the record gets the address
 *   duplicate(fd) -> fd
 *   release(fd)
 *   notify(path, text, descriptors?) -> 0
 *   features() -> bits
 *   routes(wake) -> watcher, see watcher.h
 *   passages(news) -> passages, see passages.h
 *   bpf, mapMemory: see bpf.h
 *   sendDescriptors, receiveDescriptors, takeDescriptors, peerUser, socketPair, memory: see descriptors.h
 *   netlink: see netlink.h
 *
 * All state belongs to what is opened, so every worker thread may load this.
 */
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "batch.h"
#include "bpf.h"
#include "descriptors.h"
#include "netlink.h"
#include "notify.h"
#include "passages.h"
#include "socket.h"
#include "transport.h"
#include "watcher.h"

#define FEATURE_GRO 1
#define FEATURE_GSO 2

static napi_value open_socket(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  void *record;
  size_t octets;

  value_arguments(env, info, a);
  if (value_octets(env, a[0], &record, &octets) < 0 || octets < RECORD)
    return value_from_int32(env, -EINVAL);
  return value_from_int32(env, socket_open(record, value_uint32(env, a[1]), value_int32(env, a[2]), value_int32(env, a[3]), record));
}

static napi_value duplicate(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];

  value_arguments(env, info, a);
  int fd = fcntl(value_int32(env, a[0]), F_DUPFD_CLOEXEC, 3);
  return value_from_int32(env, fd < 0 ? -errno : fd);
}

static napi_value release(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];

  value_arguments(env, info, a);
  close(value_int32(env, a[0]));
  return 0;
}

static napi_value notify_manager(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS];
  char path[128], text[1024];
  size_t length, octets;
  void *fds;

  value_arguments(env, info, a);
  if (napi_get_value_string_utf8(env, a[0], path, sizeof path, &length) != napi_ok ||
      napi_get_value_string_utf8(env, a[1], text, sizeof text, &length) != napi_ok)
    return value_from_int32(env, -EINVAL);
  if (value_octets(env, a[2], &fds, &octets) < 0)
    octets = 0;
  return value_from_int32(env, notify(path, text, length, fds, octets / sizeof(int)));
}

static napi_value features(napi_env env, napi_callback_info info)
{
  (void)info;
  return value_from_int32(env, (kernel_has_gro() ? FEATURE_GRO : 0) | (kernel_has_gso() ? FEATURE_GSO : 0));
}

static void export_number(napi_env env, napi_value exports, const char *name, uint32_t number)
{
  napi_value value;
  if (napi_create_uint32(env, number, &value) == napi_ok)
    napi_set_named_property(env, exports, name, value);
}

NAPI_MODULE_INIT()
{
  value_add_function(env, exports, "open", transport_open, 0);
  value_add_function(env, exports, "listen", open_socket, 0);
  value_add_function(env, exports, "duplicate", duplicate, 0);
  value_add_function(env, exports, "release", release, 0);
  value_add_function(env, exports, "notify", notify_manager, 0);
  value_add_function(env, exports, "features", features, 0);
  value_add_function(env, exports, "routes", watcher_open, 0);
  value_add_function(env, exports, "passages", passages_open, 0);
  value_add_function(env, exports, "bpf", bpf_call, 0);
  value_add_function(env, exports, "mapMemory", bpf_memory, 0);
  value_add_function(env, exports, "sendDescriptors", descriptors_send, 0);
  value_add_function(env, exports, "receiveDescriptors", descriptors_receive, 0);
  value_add_function(env, exports, "takeDescriptors", descriptors_take, 0);
  value_add_function(env, exports, "peerUser", descriptors_peer, 0);
  value_add_function(env, exports, "socketPair", descriptors_pair, 0);
  value_add_function(env, exports, "memory", descriptors_memory, 0);
  value_add_function(env, exports, "netlink", netlink_call, 0);
  export_number(env, exports, "stateWords", STATE_WORDS);
  return exports;
}
