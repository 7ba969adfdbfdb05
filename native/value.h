#ifndef TACITURN_VALUE_H
#define TACITURN_VALUE_H

#define NAPI_VERSION 8
#include <node_api.h>

#include <stddef.h>
#include <stdint.h>

/* Arguments that any function of ours takes. */
#define MOST_ARGUMENTS 5

/* Reads the arguments of a call. Returns what the function was made with. */
void *value_arguments(napi_env env, napi_callback_info info, napi_value values[MOST_ARGUMENTS]);

/* Reads a number; what is none is 0. */
uint32_t value_uint32(napi_env env, napi_value value);
int32_t value_int32(napi_env env, napi_value value);

napi_value value_from_int32(napi_env env, int32_t number);

/* Finds the memory of a typed array. Returns 0, or -EINVAL when it is none. */
int value_octets(napi_env env, napi_value array, void **data, size_t *octets);

/* Adds a function to `object`, which is called with `data`. Returns it, or NULL. */
napi_value value_add_function(napi_env env, napi_value object, const char *name, napi_callback function,
                              void *data);

/*
 * The same for a function that keeps `data`: `leave` is called when nothing in JavaScript points to the function any
 * more. Returns 1, or 0 if that will not be.
 */
int value_add_method(napi_env env, napi_value object, const char *name, napi_callback function, void *data,
                     napi_finalize leave);

#endif
