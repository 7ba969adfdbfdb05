#ifndef TACITURN_DESCRIPTORS_H
#define TACITURN_DESCRIPTORS_H

#include "value.h"

/* The kernel takes no more with one message (SCM_MAX_FD). */
#define MOST_DESCRIPTORS 253

/* sendDescriptors(socket, descriptors) -> 0, or a negated errno: hands copies of them over a Unix socket, with one octet. */
napi_value descriptors_send(napi_env env, napi_callback_info info);

/*
 * receiveDescriptors(path, into) -> the connection, or a negated errno.
 * Connects to a Unix socket and waits a second at most for as many descriptors
 * as there is room for; fewer is an error, and then nothing stays open.
 */
napi_value descriptors_receive(napi_env env, napi_callback_info info);

/*
 * takeDescriptors(socket, into) -> 0, or a negated errno.
 * Takes the descriptors of a message that has arrived on a Unix socket, as many
 * as there is room for; does not wait. Fewer or more is an error, and then none stays open.
 */
napi_value descriptors_take(napi_env env, napi_callback_info info);

/* peerUser(socket) -> the user id of the process at the other end of a Unix socket (SO_PEERCRED), or a negated errno. */
napi_value descriptors_peer(napi_env env, napi_callback_info info);

/*
 * socketPair(into) -> 0, or a negated errno: two Unix sockets (SOCK_STREAM) that are connected to each other. Descriptors
 * that one has sent and nobody has taken stay open for as long as the other one is.
 */
napi_value descriptors_pair(napi_env env, napi_callback_info info);

/*
 * memory(octets) -> a descriptor of a file that is in memory and has no name (memfd_create), or a negated errno. For its
 * owner alone; of a length that nobody can change, unless that is 0.
 */
napi_value descriptors_memory(napi_env env, napi_callback_info info);

#endif
