#include "bpf.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

napi_value bpf_call(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS], buffer;
  uint8_t *attr;
  uint32_t *offsets;
  size_t length, octets, size;
  void *data;

  value_arguments(env, info, a);
  if (value_octets(env, a[1], (void **)&attr, &length) < 0 || value_octets(env, a[2], (void **)&offsets, &octets) < 0)
    return value_from_int32(env, -EINVAL);
  for (uint32_t i = 0; i < octets / sizeof *offsets; i++) {
    if (napi_get_element(env, a[3], i, &buffer) != napi_ok || value_octets(env, buffer, &data, &size) < 0 ||
        offsets[i] > length || length - offsets[i] < sizeof(uint64_t))
      return value_from_int32(env, -EINVAL);
    uint64_t address = (uintptr_t)data;
    memcpy(attr + offsets[i], &address, sizeof address);
  }
  long result = syscall(SYS_bpf, value_int32(env, a[0]), attr, length);
  return value_from_int32(env, result < 0 ? -errno : (int32_t)result);
}

static void unmap(napi_env env, void *data, void *hint)
{
  (void)env;
  munmap(data, (size_t)(uintptr_t)hint);
}

napi_value bpf_memory(napi_env env, napi_callback_info info)
{
  napi_value a[MOST_ARGUMENTS], buffer;

  value_arguments(env, info, a);
  size_t octets = value_uint32(env, a[1]);
  void *data = mmap(0, octets, PROT_READ | PROT_WRITE, MAP_SHARED, value_int32(env, a[0]), 0);
  if (data == MAP_FAILED)
    return value_from_int32(env, -errno);
  if (napi_create_external_arraybuffer(env, data, octets, unmap, (void *)(uintptr_t)octets, &buffer) != napi_ok) {
    munmap(data, octets);
    return value_from_int32(env, -ENOMEM);
  }
  return buffer;
}
