#ifndef TACITURN_NOTIFY_H
#define TACITURN_NOTIFY_H

#include <stddef.h>

/* Descriptors that go with one message at most. */
#define NOTIFY_DESCRIPTORS 8

/*
 * Tells the service manager something, as sd_notify(3) does, over the AF_UNIX
 * datagram socket at `path` ('@' begins an abstract name), with copies of
 * descriptors. Returns 0 or a negative errno.
 */
int notify(const char *path, const char *text, size_t length, const int *fds, size_t count);

#endif
