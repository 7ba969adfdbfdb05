declare const brand: unique symbol
type Id<B extends string> = number & { readonly [brand]: B }

/** A UDP socket or stream connection inside one shard. Small, reused after close. */
export type SocketId = Id<'socket'>
export type AllocationId = Id<'allocation'>
/** Row of a route in the forwarder's tables. Small, reused after removal. */
export type RouteId = Id<'route'>
/** A token bucket in `Meters`. Small, reused after release. */
export type MeterId = Id<'meter'>
/** 0x4000–0x4FFF (RFC 8656 §12); up to 0x7FFE where legacy numbers are switched on. */
export type ChannelNumber = Id<'channel'>
