#ifndef TACITURN_NOTIFY_H
#define TACITURN_NOTIFY_H

#include <stddef.h>

/*
 * Tells the service manager something, as sd_notify(3) does, over the AF_UNIX
 * datagram socket at `path` ('@' begins an abstract name).
 * Returns 0 or a negative errno.
 */
int notify(const char *path, const char *text, size_t length);

#endif
