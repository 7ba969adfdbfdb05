/** What every stream of a profile sends: bursts of equal packets at an even pace. */
export interface TrafficSource {
  /** Octets of payload in a packet. */
  readonly octets: number
  /** Packets that leave together. */
  readonly burst: number
  /** Bursts a second; 0 for as fast as they arrive. */
  readonly perSecond: number
}

export const PROFILES = ['audio', 'video', 'call', 'flood'] as const
export type Profile = (typeof PROFILES)[number]

/** G.711 in packets of 20 ms: 160 octets and an RTP header. */
const AUDIO: TrafficSource = { octets: 172, burst: 1, perSecond: 50 }
/** 30 frames a second, each of eight packets that fill a path of 1,280 octets: 2.3 Mbit/s. */
const VIDEO: TrafficSource = { octets: 1200, burst: 8, perSecond: 30 }

export interface FloodOptions {
  readonly octets: number
  readonly burst: number
}

/** What each stream of a profile sends. */
export function sourcesOf(profile: Profile, flood: FloodOptions): readonly TrafficSource[] {
  switch (profile) {
    case 'audio':
      return [AUDIO]
    case 'video':
      return [VIDEO]
    case 'call':
      return [AUDIO, VIDEO]
    case 'flood':
      return [{ ...flood, perSecond: 0 }]
  }
}

/** Packets a second of one stream. */
export function packetsPerSecond(sources: readonly TrafficSource[]): number {
  return sources.reduce((sum, { burst, perSecond }) => sum + burst * perSecond, 0)
}

/** Sources that make `rate` packets a second in `streams` streams, in the proportions they have. */
export function atRate(
  sources: readonly TrafficSource[],
  streams: number,
  rate: number,
): readonly TrafficSource[] {
  const natural = packetsPerSecond(sources) * streams
  if (natural > 0) return sources.map(one => ({ ...one, perSecond: (one.perSecond * rate) / natural }))
  const packets = sources.reduce((sum, { burst }) => sum + burst, 0)
  return sources.map(one => ({ ...one, perSecond: rate / streams / packets }))
}
