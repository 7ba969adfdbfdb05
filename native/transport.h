#ifndef TACITURN_TRANSPORT_H
#define TACITURN_TRANSPORT_H

#include "value.h"

/* Words of the layout's `state`, written for JavaScript to read. */
enum {
  STATE_ERRORS, /* ICMP errors of the last receive() */
  STATE_MORE,   /* whether receive() should be called again without waiting */
  STATE_QUEUE,  /* losses of the last send() */
  STATE_TOO_LONG,
  STATE_FAILED,
  STATE_BUFFER,   /* octets of receive buffer that the last bind() was granted */
  STATE_RECEIVES, /* calls of recvmmsg since the start, and so on; modulo 2^32 */
  STATE_RECEIVED,
  STATE_SENDS,
  STATE_SENT,
  STATE_BURSTS,
  STATE_PERIOD, /* microseconds between looks for datagrams; 0 while they wake the thread */
  STATE_WORDS
};

/*
 * Opens a transport, as JavaScript calls it:
 *
 *   open(layout, wake, longestWait) -> transport    one epoll, one slab, any number of sockets
 *
 *   transport.bind(id, fd, flags, receiveBuffer, sendBuffer) -> 0 or -errno
 *   transport.close(id)
 *   transport.give(id) -> fd that stays open, or -errno
 *   transport.pause(on)
 *   transport.receive() -> datagrams in the batch
 *   transport.send(batch, count) -> datagrams lost
 *   transport.sendOne(id, bytes, dontFragment) -> 0 or -errno
 *   transport.lend(batch) -> number for send(), or -errno
 *   transport.stop()
 *
 * `layout.kept` gets the descriptor of every socket, see socket.h. Where the
 * thread ends without stop(), what stands there stays open.
 *
 * No value is made for a datagram: `layout` is typed arrays that both sides
 * see, and `wake` is called, without arguments, when a socket can be read.
 * Only open() throws, if it is not given a layout.
 */
napi_value transport_open(napi_env env, napi_callback_info info);

#endif
