#ifndef TACITURN_LAYOUT_H
#define TACITURN_LAYOUT_H

#include "batch.h"
#include "value.h"

/* Batches of other transports that may be sent from, and our own. */
#define MOST_BATCHES 32

/* Typed arrays of JavaScript that C holds on to: what keeps their memory where it is. */
struct layout {
  napi_env env;
  int count;
  napi_ref references[MOST_BATCHES * 8];
};

/*
 * Finds the memory of one member of an object and keeps it alive. Returns 0 or
 * -EINVAL if it is not a typed array of at least `least` octets.
 */
int layout_member(struct layout *layout, napi_value object, const char *name, size_t least, void *into,
                  size_t *octets);

/* Takes the members that every batch has; on failure it keeps none. */
int layout_batch(struct layout *layout, napi_value object, struct batch *batch);

/* Lets go of all but the first `keep` members. */
void layout_drop(struct layout *layout, int keep);

#endif
