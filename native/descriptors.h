#ifndef TACITURN_DESCRIPTORS_H
#define TACITURN_DESCRIPTORS_H

#include "value.h"

/* sendDescriptors(socket, descriptors) -> 0, or a negated errno: hands copies of them over a Unix socket, with one octet. */
napi_value descriptors_send(napi_env env, napi_callback_info info);

/*
 * receiveDescriptors(path, into) -> the connection, or a negated errno.
 * Connects to a Unix socket and waits a second at most for as many descriptors
 * as there is room for; fewer is an error, and then nothing stays open.
 */
napi_value descriptors_receive(napi_env env, napi_callback_info info);

#endif
