/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the program in the kernel and the relay share. src/forward/kernel/layout.ts says the same in TypeScript;
 * a test compares the two. Addresses and ports are in network order, IPv4 addresses as ::ffff:a.b.c.d.
 */
#ifndef TACITURN_BPF_RELAY_H
#define TACITURN_BPF_RELAY_H

#include <linux/types.h>

#define MOST_ROUTES 65536
#define MOST_METERS 3
#define MOST_OUTLETS 1024

/* What a datagram with these addresses is. A channel number says: ChannelData of a client over that channel. */
#define KIND_PEER 0   /* from a peer; leads to a route */
#define KIND_CLIENT 1 /* a Send indication; leads to a client */
#define KIND_LOCAL 2  /* from another relayed address of this server; leads to a route */

struct flow {
  __be32 from[4];
  __be32 to[4];
  __be16 from_port;
  __be16 to_port;
  __be16 kind;
  __u16 zero;
};

/* A peer as a client names it in a Send indication; leads to a route. */
struct named_peer {
  __u32 client;
  __be16 port;
  __u16 zero;
  __be32 ip[4];
};

struct route {
  /* Written by the relay. Nanoseconds of CLOCK_MONOTONIC, like every time here. */
  __u64 relayed_until;
  __u64 peer_until;
  /* Counted here. */
  __u64 to_peer_packets;
  __u64 to_peer_bytes;
  __u64 to_client_packets;
  __u64 to_client_bytes;
  __u64 dropped;
  /* Written by the relay. */
  __u32 meters[MOST_METERS]; /* places in `buckets`; 0: none */
  __be16 channel;
  __u8 is_local;
  __u8 zero;
  __be32 client[4];
  __be32 server[4];
  __be32 peer[4];
  __be32 relay[4];   /* what the relay socket is bound to */
  __be32 relayed[4]; /* what peers see */
  __be16 client_port;
  __be16 server_port;
  __be16 peer_port;
  __be16 relay_port;
  __be16 relayed_port;
  __u16 zeros[3];
};

/* A token bucket of one second: when what it owes is paid off, and nanoseconds for an octet, times 65536. */
struct bucket {
  __u64 at;
  __u64 cost;
};

/* Why datagrams of a route went up to the relay. */
enum reason {
  REASON_EXPIRED,
  REASON_CHECKSUM, /* not filled in yet (transmit checksum offload), or none where IPv6 needs one */
  REASON_MERGED,   /* several datagrams in one, by GRO */
  REASON_NO_WAY,   /* no route of the kernel's, or to this machine itself */
  REASON_NO_NEIGHBOUR,
  REASON_TOO_LONG,
  REASON_NO_ROOM,  /* the driver leaves no room in front of the frame, or behind */
  REASON_FORM,     /* padding and trailers of an unusual form */
  REASON_OTHER_END, /* the other allocation is not relayed by the kernel */
  REASON_REFRESH,  /* so that the neighbour's entry stays fresh */
  REASONS,
};

/* What the loader tells the program of a device: its index, and its Ethernet address. */
struct outlet {
  __u32 device;
  __u16 address[3];
  __u16 zero;
};

/* What the loader tells the program. */
struct setting {
  __u32 lookup_device; /* the device from whose point of view ways are looked up */
  __u32 zero;
};

#endif
