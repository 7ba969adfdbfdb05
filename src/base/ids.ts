declare const brand: unique symbol
type Id<B extends string> = number & { readonly [brand]: B }

/** A UDP socket or stream connection inside one shard. Small, reused after close. */
export type SocketId = Id<'socket'>
export type AllocationId = Id<'allocation'>
/** Number of an allocation in the tables of its shard. Small, reused after it has ended. */
export type AllocationRow = Id<'allocation row'>
/** Row of a route in the forwarder's tables. Small, reused after removal. */
export type RouteId = Id<'route'>
/** A moment in `Lifetimes`. Small, reused after it is closed. */
export type LifetimeId = Id<'lifetime'>
/** A token bucket in `Meters`. Small, reused after release. */
export type MeterId = Id<'meter'>
/** 0x4000–0x4FFF (RFC 8656 §12); up to 0x7FFE where legacy numbers are switched on. */
export type ChannelNumber = Id<'channel'>
