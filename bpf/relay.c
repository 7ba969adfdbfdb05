/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Relays UDP datagrams of TURN clients before any socket sees them: ChannelData, Send and Data indications, both
 * directions, IPv4 and IPv6. One source, two programs: `tc` for the ingress of any Ethernet device, `xdp` for drivers.
 *
 * It relays what belongs to a route that the relay has entered and that is neither over nor in any way unusual. All
 * else goes up as it came. It decides before it writes, and drops only what a token bucket refuses.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "relay.h"

#define INLINE static __always_inline

#define AF_INET 2
#define AF_INET6 10
#define MAPPED bpf_htonl(0xffff)
#define DONT_FRAGMENT bpf_htons(0x4000)

#define SEND_INDICATION 0x0016
#define DATA_INDICATION 0x0017
#define XOR_PEER_ADDRESS 0x0012
#define DATA 0x0013
#define COOKIE 0x2112a442
#define STUN_HEADER 20
#define CHANNEL_HEADER 4
#define DATA_HEADER_IPV4 36
#define DATA_HEADER_IPV6 48
/* Octets of a frame that are looked at: Ethernet, IPv6, UDP, a Send indication. */
#define MOST_HEADERS (14 + 40 + 8 + 48)

#define SECOND 1000000000ull
/* Octets that a token bucket charges for a packet besides its payload, as src/limits/meters.ts does. */
#define PACKET_OVERHEAD 48
#define HOP_LASTS SECOND
/* Of so many renewals of a hop one datagram goes up, so that the kernel uses its neighbour entry and probes it. */
#define RENEWALS 16

/*
 * How datagrams between two addresses leave, as the kernel's tables said a second ago at most. What another route
 * left in its place does not count, since the addresses are compared.
 */
struct hop {
  __u64 until; /* nanoseconds of CLOCK_MONOTONIC */
  struct flow way;
  __u32 device;
  __u16 mtu;
  __u8 family; /* of the gateway */
  __u8 turns;
  __u8 source[6];
  __u8 destination[6];
  __be32 gateway[4];
};

struct hops {
  struct hop to_peer;
  struct hop to_client;
};

/* Read by scripts/build-bpf.mjs. */
struct map_definition {
  __u32 type;
  __u32 key;
  __u32 value;
  __u32 entries;
  __u32 flags;
};
#define MAP SEC("maps") struct map_definition

MAP flows = { BPF_MAP_TYPE_HASH, sizeof(struct flow), 4, 3 * MOST_ROUTES, 0 };
MAP named_peers = { BPF_MAP_TYPE_HASH, sizeof(struct named_peer), 4, MOST_ROUTES, 0 };
MAP routes = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct route), MOST_ROUTES, BPF_F_MMAPABLE };
MAP buckets = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct bucket), MOST_ROUTES, BPF_F_MMAPABLE };
MAP reasons = { BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, REASONS, 0 };
/* Of each route, how datagrams leave. The relay has no descriptor of it, as it has of those above. */
MAP hops = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct hops), MOST_ROUTES, 0 };
/* Devices with an XDP program of their own, in the places that their indexes lead to: frames may leave by them from XDP. */
MAP outlets = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct outlet), MOST_OUTLETS, 0 };
MAP settings = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct setting), 1, 0 };

/* Apache-2.0 or GPL-2.0: the kernel lends its look-up of ways to programs under the GPL only. */
char relay_license[] SEC("license") = "GPL";

/* A datagram as it arrived, and where it goes. */
struct datagram {
  struct flow flow;
  __u32 frame;  /* octets of the frame, trailer included */
  __u32 udp_at; /* of the UDP header in the frame */
  __u32 udp;    /* octets of UDP header and payload */
  __u32 header; /* octets of TURN header in front of the payload */
  __u32 octets; /* of payload */
  __u64 removed; /* sum of the TURN header and of what stands behind the payload */
  __be16 check;
  __be16 id;
  __be16 fragment;
  __u8 is6;
  __u8 tos;
  __u8 ttl;
};

/* What the program does with it. */
enum verdict { PASS, DROP, GO_ON };

INLINE void *begin(void *ctx, const int xdp)
{
  return xdp ? (void *)(long)((struct xdp_md *)ctx)->data : (void *)(long)((struct __sk_buff *)ctx)->data;
}

INLINE void *end(void *ctx, const int xdp)
{
  return xdp ? (void *)(long)((struct xdp_md *)ctx)->data_end : (void *)(long)((struct __sk_buff *)ctx)->data_end;
}

/* The payload of UDP in the frame, at an offset that the verifier can see is small. */
INLINE void *payload(void *ctx, const int xdp, __u32 udp_at)
{
  asm volatile("" : "+r"(udp_at));
  return begin(ctx, xdp) + (udp_at & 63) + sizeof(struct udphdr);
}

INLINE long load(void *ctx, const int xdp, __u32 at, void *into, __u32 octets)
{
  return xdp ? bpf_xdp_load_bytes(ctx, at, into, octets) : bpf_skb_load_bytes(ctx, at, into, octets);
}

/* Loads `octets`, if they are within these limits; where the verifier can see it. */
INLINE int load_between(void *ctx, const int xdp, __u32 at, void *into, const __u32 least, __u32 octets,
                        const __u32 most)
{
  asm volatile("" : "+r"(octets));
  return octets >= least && octets <= most && load(ctx, xdp, at, into, octets) == 0;
}

INLINE int because(__u32 reason)
{
  __u64 *count = bpf_map_lookup_elem(&reasons, &reason);

  if (count)
    (*count)++;
  return PASS;
}

INLINE __u64 sum_words(const __be32 *words, int count)
{
  __u64 sum = 0;

#pragma unroll
  for (int i = 0; i < count; i++)
    sum += words[i];
  return sum;
}

INLINE __u16 fold(__u64 sum)
{
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

INLINE __u64 sum_ip(const __be32 ip[4])
{
  return ip[2] == MAPPED && ip[0] == 0 && ip[1] == 0 ? ip[3] : sum_words(ip, 4);
}

INLINE int is_ipv4(const __be32 ip[4])
{
  return ip[0] == 0 && ip[1] == 0 && ip[2] == MAPPED;
}

/* Reads the headers of a whole UDP datagram without options or fragments. */
INLINE int read_headers(struct datagram *d, void *data, void *data_end)
{
  struct ethhdr *eth = data;
  struct udphdr *udp;

  if ((void *)(eth + 1) > data_end || (eth->h_dest[0] & 1))
    return 0;
  if (eth->h_proto == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = (void *)(eth + 1);

    udp = (void *)(ip + 1);
    if ((void *)(udp + 1) > data_end || *(__u8 *)ip != 0x45 || ip->protocol != IPPROTO_UDP || ip->ttl <= 1 ||
        (ip->frag_off & ~DONT_FRAGMENT) || ip->tot_len != bpf_htons(bpf_ntohs(udp->len) + sizeof *ip) ||
        fold(sum_words((__be32 *)ip, 5)) != 0xffff)
      return 0;
    d->is6 = 0;
    d->udp_at = sizeof *eth + sizeof *ip;
    d->tos = ip->tos;
    d->ttl = ip->ttl;
    d->id = ip->id;
    d->fragment = ip->frag_off;
    d->flow.from[2] = MAPPED;
    d->flow.from[3] = ip->saddr;
    d->flow.to[2] = MAPPED;
    d->flow.to[3] = ip->daddr;
  } else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = (void *)(eth + 1);
    __be32 *words = (void *)ip;

    udp = (void *)(ip + 1);
    if ((void *)(udp + 1) > data_end || ip->nexthdr != IPPROTO_UDP || ip->hop_limit <= 1 ||
        ip->payload_len != udp->len || udp->check == 0 || (bpf_ntohl(words[0]) >> 28) != 6)
      return 0;
    d->is6 = 1;
    d->udp_at = sizeof *eth + sizeof *ip;
    d->tos = bpf_ntohl(words[0]) >> 20;
    d->ttl = ip->hop_limit;
    d->id = 0;
    d->fragment = DONT_FRAGMENT;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      d->flow.from[i] = words[2 + i];
      d->flow.to[i] = words[6 + i];
    }
    /* On the wire nobody sends from a mapped address; here it would be taken for IPv4. */
    if (is_ipv4(d->flow.from) || is_ipv4(d->flow.to))
      return 0;
  } else
    return 0;

  d->flow.from_port = udp->source;
  d->flow.to_port = udp->dest;
  d->udp = bpf_ntohs(udp->len);
  d->check = udp->check;
  return d->udp >= sizeof *udp && d->udp_at + d->udp <= d->frame;
}

/*
 * Loads the octets behind the payload, up to `till` in the frame, into words that begin where the payload's last
 * whole word ends; octets of payload in them are 0.
 */
INLINE int load_tail(void *ctx, const int xdp, const struct datagram *d, __u32 till, __be32 tail[8])
{
  __u32 from = d->udp_at + sizeof(struct udphdr) + d->header + d->octets;
  __u32 partial = d->octets & 3;
  __u32 count = till - from + partial;

  if (count == 0)
    return 1;
  if (!load_between(ctx, xdp, from - partial, tail, 1, count, sizeof *tail * 8))
    return 0;
  tail[0] &= 0xffffffffu << (8 * partial);
  return 1;
}

/* Reads the peer out of an XOR-PEER-ADDRESS attribute, whose value of `length` octets begins at `value`. */
INLINE int read_peer(const __be32 *value, __u32 length, const __be32 *header, struct named_peer *peer)
{
  peer->port = (__be16)(((__u16 *)value)[1] ^ bpf_htons(COOKIE >> 16));
  if (peer->port == 0)
    return 0;
  if (length == 8) {
    peer->ip[0] = peer->ip[1] = 0;
    peer->ip[2] = MAPPED;
    peer->ip[3] = value[1] ^ header[1];
    return ((__u16 *)value)[0] == bpf_htons(1);
  }
  peer->ip[0] = value[1] ^ header[1];
  peer->ip[1] = value[2] ^ header[2];
  peer->ip[2] = value[3] ^ header[3];
  peer->ip[3] = value[4] ^ header[4];
  return ((__u16 *)value)[0] == bpf_htons(2) && !is_ipv4(peer->ip);
}

/* Reads a plain Send indication: XOR-PEER-ADDRESS and DATA in either order, and nothing else. */
INLINE int read_send(void *ctx, const int xdp, struct datagram *d, struct named_peer *peer)
{
  __u32 at = d->udp_at + sizeof(struct udphdr);
  __u32 length = d->udp - sizeof(struct udphdr);
  __u32 type, octets;
  __be32 q[12] = {}; /* the header, and the first attribute with its successor's head */
  __be32 attribute[6] = {};

  if (!load_between(ctx, xdp, at, q, STUN_HEADER + 2 * 4, length < sizeof q ? length : sizeof q, sizeof q))
    return 0;
  if (q[0] != bpf_htonl(SEND_INDICATION << 16 | (length - STUN_HEADER)) || q[1] != bpf_htonl(COOKIE))
    return 0;
  type = bpf_ntohl(q[5]) >> 16;
  octets = bpf_ntohl(q[5]) & 0xffff;
  if (type == XOR_PEER_ADDRESS && octets == 8) {
    d->header = DATA_HEADER_IPV4;
    d->octets = bpf_ntohl(q[8]) & 0xffff;
    d->removed = sum_words(q, 9);
    return bpf_ntohl(q[8]) >> 16 == DATA && length == d->header + ((d->octets + 3) & ~3u) &&
           read_peer(q + 6, 8, q, peer);
  }
  if (type == XOR_PEER_ADDRESS && octets == 20) {
    d->header = DATA_HEADER_IPV6;
    d->octets = bpf_ntohl(q[11]) & 0xffff;
    d->removed = sum_words(q, 12);
    return bpf_ntohl(q[11]) >> 16 == DATA && length == d->header + ((d->octets + 3) & ~3u) &&
           read_peer(q + 6, 20, q, peer);
  }
  if (type != DATA)
    return 0;
  d->header = STUN_HEADER + 4;
  d->octets = octets;
  d->removed = sum_words(q, 6);
  octets = d->header + ((octets + 3) & ~3u);
  if (length == octets + 12)
    return load(ctx, xdp, at + octets, attribute, 12) == 0 && attribute[0] == bpf_htonl(XOR_PEER_ADDRESS << 16 | 8) &&
           read_peer(attribute + 1, 8, q, peer);
  if (length == octets + 24)
    return load(ctx, xdp, at + octets, attribute, 24) == 0 && attribute[0] == bpf_htonl(XOR_PEER_ADDRESS << 16 | 20) &&
           read_peer(attribute + 1, 20, q, peer);
  return 0;
}

/* Notes the place of a route. */
INLINE struct route *route_at(const __u32 *found, __u32 *place)
{
  if (!found)
    return 0;
  *place = *found;
  return bpf_map_lookup_elem(&routes, place);
}

INLINE struct route *find(struct datagram *d, __be16 kind, __u32 *place)
{
  d->flow.kind = kind;
  return route_at(bpf_map_lookup_elem(&flows, &d->flow), place);
}

/* Finds the route that a datagram of a client names; `d` then says where its payload is. */
INLINE struct route *from_client(void *ctx, const int xdp, struct datagram *d, __u32 *place)
{
  void *data_end = end(ctx, xdp);
  __be16 *q = payload(ctx, xdp, d->udp_at);
  __u32 length = d->udp - sizeof(struct udphdr);
  struct named_peer peer = {};
  __u32 *client;
  __u8 first;

  if (length < CHANNEL_HEADER || (void *)(q + 2) > data_end)
    return 0;
  first = *(__u8 *)q;
  if (first >= 0x40 && first < 0x80) {
    d->octets = bpf_ntohs(q[1]);
    if (d->octets > length - CHANNEL_HEADER)
      return 0;
    d->header = CHANNEL_HEADER;
    d->removed = (__u64)q[0] + q[1];
    return find(d, q[0], place);
  }
  if (*q != bpf_htons(SEND_INDICATION))
    return 0;
  d->flow.kind = bpf_htons(KIND_CLIENT);
  client = bpf_map_lookup_elem(&flows, &d->flow);
  if (!client || !read_send(ctx, xdp, d, &peer))
    return 0;
  peer.client = *client;
  return route_at(bpf_map_lookup_elem(&named_peers, &peer), place);
}

/* Takes from one token bucket, if it has as much. */
INLINE int take(__u32 place, __u32 octets, __u64 now)
{
  struct bucket *bucket = bpf_map_lookup_elem(&buckets, &place);
  __u64 cost, before, owed;

  if (!bucket)
    return 1;
  cost = octets * bucket->cost >> 16;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    before = bucket->at;
    owed = before > now ? before - now : 0;
    if (owed + cost > SECOND)
      return 0;
    if (__sync_val_compare_and_swap(&bucket->at, before, now + owed + cost) == before)
      return 1;
  }
  __sync_fetch_and_add(&bucket->at, cost);
  return 1;
}

INLINE void give_back(__u32 place, __u32 octets)
{
  struct bucket *bucket = bpf_map_lookup_elem(&buckets, &place);

  if (bucket)
    __sync_fetch_and_add(&bucket->at, -(octets * bucket->cost >> 16));
}

/* Takes a packet from all token buckets of a route, or from none. */
INLINE int admit(struct route *route, __u32 payload, __u64 now)
{
  __u32 octets = payload + PACKET_OVERHEAD;

  if (route->meters[0] && !take(route->meters[0], octets, now))
    goto refused;
  if (route->meters[1] && !take(route->meters[1], octets, now)) {
    give_back(route->meters[0], octets);
    goto refused;
  }
  if (route->meters[2] && !take(route->meters[2], octets, now)) {
    give_back(route->meters[0], octets);
    give_back(route->meters[1], octets);
    goto refused;
  }
  return 1;

refused:
  __sync_fetch_and_add(&route->dropped, 1);
  return 0;
}

INLINE int is_over(const struct route *route, __u64 now)
{
  return now >= route->relayed_until || now >= route->peer_until;
}

/* An XDP program's device; NULL for any other. */
INLINE const struct outlet *outlet_of(__u32 device)
{
  __u32 place = device % MOST_OUTLETS;
  const struct outlet *outlet = bpf_map_lookup_elem(&outlets, &place);

  return outlet && outlet->device == device ? outlet : 0;
}

/* Whether a frame that XDP sees is for the device it came in by: a bridge's or a sniffer's sees those of others too. */
INLINE int is_for_us(struct xdp_md *ctx)
{
  const __u16 *destination = begin(ctx, 1);
  const struct outlet *outlet = outlet_of(ctx->ingress_ifindex);

  return outlet && (void *)(destination + 3) <= end(ctx, 1) && outlet->address[0] == destination[0] &&
         outlet->address[1] == destination[1] && outlet->address[2] == destination[2];
}

INLINE int is_same_way(const struct flow *a, const struct flow *b)
{
  __u32 difference = (a->from_port ^ b->from_port) | (a->to_port ^ b->to_port);

#pragma unroll
  for (int i = 0; i < 4; i++)
    difference |= (a->from[i] ^ b->from[i]) | (a->to[i] ^ b->to[i]);
  return difference == 0;
}

/* Asks the kernel how datagrams between these addresses leave. */
INLINE int find_hop(void *ctx, const int xdp, struct hop *hop, const struct flow *out, __u8 tos, __u64 now)
{
  struct bpf_fib_lookup way = {};
  struct setting *setting;
  __u32 zero = 0;
  int is6 = !is_ipv4(out->to);
  long found;

  setting = bpf_map_lookup_elem(&settings, &zero);
  if (!setting)
    return PASS;
  way.ifindex = setting->lookup_device;
  way.l4_protocol = IPPROTO_UDP;
  way.sport = out->from_port;
  way.dport = out->to_port;
  way.tot_len = 1;
  if (is6) {
    way.family = AF_INET6;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      way.ipv6_src[i] = out->from[i];
      way.ipv6_dst[i] = out->to[i];
    }
  } else {
    way.family = AF_INET;
    way.tos = tos & 0xfc;
    way.ipv4_src = out->from[3];
    way.ipv4_dst = out->to[3];
  }
  found = bpf_fib_lookup(ctx, &way, sizeof way, 0);
  if (found == BPF_FIB_LKUP_RET_NO_NEIGH)
    return because(REASON_NO_NEIGHBOUR);
  if (found != BPF_FIB_LKUP_RET_SUCCESS)
    return because(REASON_NO_WAY);
  if (xdp && way.ifindex != ((struct xdp_md *)ctx)->ingress_ifindex && !outlet_of(way.ifindex))
    return because(REASON_NO_WAY);
  hop->until = 0;
  hop->way = *out;
  hop->device = way.ifindex;
  hop->mtu = way.mtu_result;
  hop->family = way.family;
  __builtin_memcpy(hop->source, way.smac, 6);
  __builtin_memcpy(hop->destination, way.dmac, 6);
  if (way.family == AF_INET) {
    hop->gateway[0] = way.ipv4_dst;
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++)
      hop->gateway[i] = way.ipv6_dst[i];
  }
  hop->until = now + HOP_LASTS;
  if (xdp && ++hop->turns % RENEWALS == 0)
    return because(REASON_REFRESH);
  return GO_ON;
}

/* The header that the client of a route needs, in words of the network's order. Returns its octets. */
INLINE __u32 header_for(const struct route *route, __u32 octets, __be32 header[12])
{
  __u32 length;

  if (route->channel) {
    header[0] = route->channel | (__u32)bpf_htons(octets) << 16;
    return CHANNEL_HEADER;
  }
  header[1] = bpf_htonl(COOKIE);
  header[2] = bpf_get_prandom_u32();
  header[3] = bpf_get_prandom_u32();
  header[4] = bpf_get_prandom_u32();
  length = is_ipv4(route->peer) ? DATA_HEADER_IPV4 : DATA_HEADER_IPV6;
  header[0] = bpf_htonl(DATA_INDICATION << 16 | (length - STUN_HEADER + ((octets + 3) & ~3u)));
  if (length == DATA_HEADER_IPV4) {
    header[5] = bpf_htonl(XOR_PEER_ADDRESS << 16 | 8);
    header[6] = bpf_htonl(1 << 16 | (bpf_ntohs(route->peer_port) ^ COOKIE >> 16));
    header[7] = route->peer[3] ^ header[1];
    header[8] = bpf_htonl(DATA << 16 | octets);
  } else {
    header[5] = bpf_htonl(XOR_PEER_ADDRESS << 16 | 20);
    header[6] = bpf_htonl(2 << 16 | (bpf_ntohs(route->peer_port) ^ COOKIE >> 16));
    header[7] = route->peer[0] ^ header[1];
    header[8] = route->peer[1] ^ header[2];
    header[9] = route->peer[2] ^ header[3];
    header[10] = route->peer[3] ^ header[4];
    header[11] = bpf_htonl(DATA << 16 | octets);
  }
  return length;
}

/* The UDP checksum after the change from one datagram to the other (RFC 1624); 0 stays 0, which means none. */
INLINE __be16 checksum(const struct datagram *d, const struct flow *out, __u32 udp, const __be32 *header, __u32 added)
{
  __u64 minus, plus;
  __u16 sum;

  if (d->check == 0)
    return 0;
  minus = sum_ip(d->flow.from) + sum_ip(d->flow.to) + d->flow.from_port + d->flow.to_port +
          2 * (__u64)bpf_htons(d->udp) + d->removed;
  plus = (__u16)~d->check + sum_ip(out->from) + sum_ip(out->to) + out->from_port + out->to_port +
         2 * (__u64)bpf_htons(udp);
  if (added == CHANNEL_HEADER)
    plus += header[0];
  else if (added == DATA_HEADER_IPV4)
    plus += sum_words(header, 9);
  else if (added == DATA_HEADER_IPV6)
    plus += sum_words(header, 12);
  sum = ~fold(plus + (__u16)~fold(minus));
  return sum ? sum : 0xffff;
}

INLINE int is_partial(const struct datagram *d)
{
  return d->check == fold(sum_ip(d->flow.from) + sum_ip(d->flow.to) + bpf_htons(IPPROTO_UDP) + bpf_htons(d->udp));
}

/* Writes all headers of what leaves. */
INLINE int write_frame(void *ctx, const int xdp, const struct datagram *d, const struct flow *out, const struct hop *hop,
                       int to6, __u32 udp, __be16 check, const __be32 *header, __u32 added)
{
  void *data = begin(ctx, xdp), *data_end = end(ctx, xdp);
  struct ethhdr *eth = data;
  struct udphdr *u;
  __be32 *q;

  if (to6) {
    struct ipv6hdr *ip = (void *)(eth + 1);
    __be32 *words = (void *)ip;

    u = (void *)(ip + 1);
    if ((void *)(u + 1) > data_end)
      return DROP;
    eth->h_proto = bpf_htons(ETH_P_IPV6);
    words[0] = bpf_htonl(6u << 28 | (__u32)d->tos << 20);
    words[1] = bpf_htonl(udp << 16 | IPPROTO_UDP << 8 | (__u32)(d->ttl - 1));
#pragma unroll
    for (int i = 0; i < 4; i++) {
      words[2 + i] = out->from[i];
      words[6 + i] = out->to[i];
    }
  } else {
    struct iphdr *ip = (void *)(eth + 1);
    __be32 *words = (void *)ip;

    u = (void *)(ip + 1);
    if ((void *)(u + 1) > data_end)
      return DROP;
    eth->h_proto = bpf_htons(ETH_P_IP);
    words[0] = bpf_htonl(0x45u << 24 | (__u32)d->tos << 16 | (udp + sizeof *ip));
    words[1] = d->id | (__u32)d->fragment << 16;
    words[2] = bpf_htonl((__u32)(d->ttl - 1) << 24 | IPPROTO_UDP << 16);
    words[3] = out->from[3];
    words[4] = out->to[3];
    ip->check = ~fold(sum_words(words, 5));
  }
  if (xdp) {
    __builtin_memcpy(eth->h_source, hop->source, 6);
    __builtin_memcpy(eth->h_dest, hop->destination, 6);
  }
  u->source = out->from_port;
  u->dest = out->to_port;
  u->len = bpf_htons(udp);
  u->check = check;
  q = (void *)(u + 1);
  if (added == CHANNEL_HEADER) {
    if ((void *)(q + 1) > data_end)
      return DROP;
    q[0] = header[0];
  } else if (added) {
    if ((void *)(q + 9) > data_end)
      return DROP;
#pragma unroll
    for (int i = 0; i < 9; i++)
      q[i] = header[i];
    if (added == DATA_HEADER_IPV6) {
      if ((void *)(q + 12) > data_end)
        return DROP;
#pragma unroll
      for (int i = 9; i < 12; i++)
        q[i] = header[i];
    }
  }
  return GO_ON;
}

/* Changes the frame's length at both ends; XDP leaves it as it was unless all of it succeeds. */
INLINE int make_room(void *ctx, const int xdp, const struct datagram *d, int to6, __u32 added, int behind)
{
  int front = (int)added - (int)d->header;
  int other = (to6 ? 20 : 0) - (d->is6 ? 20 : 0);

  if (xdp) {
    if (behind > 0 && bpf_xdp_adjust_tail(ctx, behind) < 0)
      return because(REASON_NO_ROOM);
    if (front + other != 0 && bpf_xdp_adjust_head(ctx, -(front + other)) < 0) {
      if (behind > 0)
        bpf_xdp_adjust_tail(ctx, -behind);
      return because(REASON_NO_ROOM);
    }
    if (behind < 0 && bpf_xdp_adjust_tail(ctx, behind) < 0)
      return DROP;
    return GO_ON;
  }
  if (behind != 0 && bpf_skb_change_tail(ctx, d->frame + behind, 0) < 0)
    return because(REASON_NO_ROOM);
  if (other != 0 && bpf_skb_change_proto(ctx, bpf_htons(to6 ? ETH_P_IPV6 : ETH_P_IP), 0) < 0)
    return behind == 0 ? because(REASON_NO_ROOM) : DROP;
  if (front != 0 && bpf_skb_adjust_room(ctx, front, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET) < 0)
    return DROP;
  return GO_ON;
}

/* Where a datagram goes along a route, and from where. */
INLINE void direct(struct flow *out, const struct route *route, int to_client)
{
  const __be32 *from = to_client ? route->server : route->relay;
  const __be32 *to = to_client ? route->client : route->peer;

#pragma unroll
  for (int i = 0; i < 4; i++) {
    out->from[i] = from[i];
    out->to[i] = to[i];
  }
  out->from_port = to_client ? route->server_port : route->relay_port;
  out->to_port = to_client ? route->client_port : route->peer_port;
}

/* The route of the other allocation, where a peer is a relayed address of this server. `flow` is room for its key. */
INLINE struct route *other_end(const struct route *route, struct flow *flow, __u32 *place)
{
#pragma unroll
  for (int i = 0; i < 4; i++) {
    flow->from[i] = route->relayed[i];
    flow->to[i] = route->peer[i];
  }
  flow->from_port = route->relayed_port;
  flow->to_port = route->peer_port;
  flow->kind = bpf_htons(KIND_LOCAL);
  return route_at(bpf_map_lookup_elem(&flows, flow), place);
}

INLINE int relay(void *ctx, const int xdp, struct hop **leaving)
{
  struct datagram d = {};
  struct flow out = {};
  struct route *route, *other = 0, *last;
  struct hops *both;
  struct hop *hop;
  __be32 tail[8] = {}, header[12] = {};
  __u32 added = 0, udp, padding, surplus, behind_udp, length, place;
  __be16 check;
  __u64 now;
  int to_client = 0, to6, verdict;

  d.frame = xdp ? bpf_xdp_get_buff_len(ctx) : ((struct __sk_buff *)ctx)->len;
  if (!read_headers(&d, begin(ctx, xdp), end(ctx, xdp)))
    return PASS;

  route = from_client(ctx, xdp, &d, &place);
  if (!route) {
    d.header = 0;
    d.removed = 0;
    d.octets = d.udp - sizeof(struct udphdr);
    route = find(&d, bpf_htons(KIND_PEER), &place);
    if (!route)
      return PASS;
    to_client = 1;
  }
  if (xdp && !is_for_us(ctx))
    return PASS;
  now = bpf_ktime_get_ns();
  if (is_over(route, now))
    return because(REASON_EXPIRED);
  if (!xdp && ((struct __sk_buff *)ctx)->gso_segs > 1)
    return because(REASON_MERGED);
  last = route;
  if (!to_client && route->is_local) {
    other = other_end(route, &out, &place);
    out.kind = 0;
    if (!other)
      return because(REASON_OTHER_END);
    if (is_over(other, now))
      return because(REASON_EXPIRED);
    last = other;
    to_client = 1;
  }
  direct(&out, last, to_client);
  to6 = !is_ipv4(out.to);
  if (d.check == 0 ? to6 : is_partial(&d))
    return because(REASON_CHECKSUM);

  both = bpf_map_lookup_elem(&hops, &place);
  if (!both)
    return PASS;
  hop = to_client ? &both->to_client : &both->to_peer;
  if (now >= hop->until || !is_same_way(&hop->way, &out)) {
    verdict = find_hop(ctx, xdp, hop, &out, d.tos, now);
    if (verdict != GO_ON)
      return verdict;
  }
  if (to_client)
    added = header_for(last, d.octets, header);
  padding = added > CHANNEL_HEADER ? -d.octets & 3 : 0;
  udp = sizeof(struct udphdr) + added + d.octets + padding;
  length = udp + (to6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
  if (length > hop->mtu || udp > 65535 - sizeof(struct iphdr))
    return because(REASON_TOO_LONG);

  /* What stands behind the payload, in the datagram and in the frame. Padding that is there already may stay. */
  behind_udp = d.udp - sizeof(struct udphdr) - d.header - d.octets;
  surplus = d.frame - d.udp_at - d.udp + behind_udp;
  if (behind_udp) {
    if (!load_tail(ctx, xdp, &d, d.udp_at + d.udp, tail))
      return because(REASON_FORM);
    d.removed += sum_words(tail, 8);
  }
  if (padding && surplus) {
    tail[0] = 0;
    if (surplus < padding || !load_tail(ctx, xdp, &d, d.udp_at + d.udp - behind_udp + padding, tail) || tail[0])
      return because(REASON_FORM);
  }
  check = checksum(&d, &out, udp, header, added);

  if (!xdp) {
    if (!admit(route, d.octets, now) || (other && !admit(other, d.octets, now)))
      return DROP;
  }
  verdict = make_room(ctx, xdp, &d, to6, added, (int)padding - (int)surplus);
  if (verdict != GO_ON)
    return verdict;
  if (xdp) {
    if (!admit(route, d.octets, now) || (other && !admit(other, d.octets, now)))
      return DROP;
  }
  if (write_frame(ctx, xdp, &d, &out, hop, to6, udp, check, header, added) != GO_ON)
    return DROP;

  if (other || !to_client) {
    __sync_fetch_and_add(&route->to_peer_packets, 1);
    __sync_fetch_and_add(&route->to_peer_bytes, d.octets);
  }
  if (to_client) {
    __sync_fetch_and_add(&last->to_client_packets, 1);
    __sync_fetch_and_add(&last->to_client_bytes, d.octets);
  }
  *leaving = hop;
  return GO_ON;
}

SEC("tc")
int relay_tc(struct __sk_buff *skb)
{
  struct bpf_redir_neigh neighbour = {};
  struct hop *hop = 0;

  if (skb->pkt_type != 0 /* PACKET_HOST */ || skb->vlan_present)
    return TC_ACT_UNSPEC;
  /* Some drivers leave all but the Ethernet header in pages. */
  if ((void *)(long)skb->data + MOST_HEADERS > (void *)(long)skb->data_end &&
      bpf_skb_pull_data(skb, skb->len < MOST_HEADERS ? skb->len : MOST_HEADERS) < 0)
    return TC_ACT_UNSPEC;
  switch (relay(skb, 0, &hop)) {
  case PASS:
    return TC_ACT_UNSPEC;
  case GO_ON:
    break;
  default:
    return TC_ACT_SHOT;
  }
  if (!hop)
    return TC_ACT_SHOT;
  neighbour.nh_family = hop->family;
#pragma unroll
  for (int i = 0; i < 4; i++)
    neighbour.ipv6_nh[i] = hop->gateway[i];
  return bpf_redirect_neigh(hop->device, &neighbour, sizeof neighbour, 0);
}

SEC("xdp")
int relay_xdp(struct xdp_md *ctx)
{
  struct hop *hop = 0;

  switch (relay(ctx, 1, &hop)) {
  case PASS:
    return XDP_PASS;
  case GO_ON:
    break;
  default:
    return XDP_DROP;
  }
  if (!hop)
    return XDP_DROP;
  if (hop->device == ctx->ingress_ifindex)
    return XDP_TX;
  return bpf_redirect(hop->device, 0);
}
