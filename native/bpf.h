#ifndef TACITURN_BPF_H
#define TACITURN_BPF_H

#include "value.h"

/*
 * bpf(command, attr, pointers, buffers) -> what bpf(2) returns, or a negated
 * errno. `attr` is its argument as octets; at each offset in `pointers` stands
 * the address of the buffer of the same number.
 */
napi_value bpf_call(napi_env env, napi_callback_info info);

/* mapMemory(fd, octets) -> the ArrayBuffer that a map with BPF_F_MMAPABLE is, or a negated errno. */
napi_value bpf_memory(napi_env env, napi_callback_info info);

#endif
