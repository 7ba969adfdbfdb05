#include "value.h"

#include <errno.h>

void *value_arguments(napi_env env, napi_callback_info info, napi_value values[MOST_ARGUMENTS])
{
  size_t count = MOST_ARGUMENTS;
  void *data = 0;

  napi_get_cb_info(env, info, &count, values, 0, &data);
  return data;
}

uint32_t value_uint32(napi_env env, napi_value value)
{
  uint32_t number = 0;

  napi_get_value_uint32(env, value, &number);
  return number;
}

int32_t value_int32(napi_env env, napi_value value)
{
  int32_t number = 0;

  napi_get_value_int32(env, value, &number);
  return number;
}

napi_value value_from_int32(napi_env env, int32_t number)
{
  napi_value value = 0;

  napi_create_int32(env, number, &value);
  return value;
}

int value_octets(napi_env env, napi_value array, void **data, size_t *octets)
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

napi_value value_add_function(napi_env env, napi_value object, const char *name, napi_callback function,
                              void *data)
{
  napi_value value;

  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, data, &value) != napi_ok)
    return 0;
  return napi_set_named_property(env, object, name, value) == napi_ok ? value : 0;
}

int value_add_method(napi_env env, napi_value object, const char *name, napi_callback function, void *data,
                     napi_finalize leave)
{
  napi_value value = value_add_function(env, object, name, function, data);

  return value && napi_add_finalizer(env, value, data, leave, 0, 0) == napi_ok;
}
