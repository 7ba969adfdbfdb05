#ifndef TACITURN_WATCHER_H
#define TACITURN_WATCHER_H

#include "value.h"

/*
 * Opens the kernel's routes, as JavaScript calls it:
 *
 *   routes(wake) -> watcher, or -errno
 *
 *   watcher.deliversHere(record, source, tos) -> 1, 0 or -errno, see routes.h
 *   watcher.rules(words) -> count or -errno, see routes.h
 *   watcher.changed() -> 1 or 0, see routes.h
 *   watcher.stop()
 *
 * `wake` is called, without arguments, when changed() has something to read.
 * A watcher does not keep the event loop alive.
 */
napi_value watcher_open(napi_env env, napi_callback_info info);

#endif
