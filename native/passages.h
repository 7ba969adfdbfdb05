#ifndef TACITURN_PASSAGES_H
#define TACITURN_PASSAGES_H

#include "value.h"

/*
 * passages(news) -> an object, or a negated errno. A thread of its own passes
 * octets between pairs of TCP sockets (see pump.h) until stop() or the end of
 * the environment. `news` is a descriptor of a stream that gets an octet when a
 * passage has ended; it is closed with the rest. The object has
 *
 *   carry(one, other) -> the number of the passage, or a negated errno; of duplicates, so both may be closed at any time
 *   moved(number, words) -> 0: what came from each side, modulo 2^32
 *   ended(words) -> how many have ended since; four words each: number, errno or 0, and what came from each side
 *   release(number): ends it if it goes on, and frees its number
 *   stop()
 */
napi_value passages_open(napi_env env, napi_callback_info info);

#endif
