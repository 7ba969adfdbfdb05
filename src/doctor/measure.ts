import type { ChannelNumber } from '../base/ids.ts'
import type { TurnSession } from './turn-session.ts'

/** Milliseconds between packets: with 1,200 octets each, some 2 Mbit/s, which is a video call. */
const INTERVAL = 5
/** Milliseconds to wait for the last ones. */
const PATIENCE = 1500

export interface Measured {
  readonly lost: number
  /** Milliseconds from us through the relay and back to us. */
  readonly median: number
  readonly worst: number
}

/** Sends numbered packets from one allocation to another over a channel, and counts what arrives. */
export async function measure(
  from: TurnSession,
  to: TurnSession,
  channel: ChannelNumber,
  packets: number,
  octets: number,
): Promise<Measured> {
  const sent = new Float64Array(packets)
  const delays = new Map<number, number>()
  to.onData(({ bytes }) => {
    if (bytes.length !== octets) return
    const number = bytes.readUInt32BE(0)
    if (number < packets && !delays.has(number)) delays.set(number, performance.now() - sent[number]!)
  })
  for (let number = 0; number < packets; number++) {
    const packet = Buffer.alloc(octets)
    packet.writeUInt32BE(number, 0)
    sent[number] = performance.now()
    from.sendChannel(channel, packet)
    await pause(INTERVAL)
  }
  for (let waited = 0; waited < PATIENCE && delays.size < packets; waited += 20) await pause(20)
  to.onData(() => undefined)
  const sorted = [...delays.values()].sort((a, b) => a - b)
  return {
    lost: packets - delays.size,
    median: round(sorted[Math.floor(sorted.length / 2)]),
    worst: round(sorted.at(-1)),
  }
}

function round(milliseconds: number | undefined): number {
  return Math.round((milliseconds ?? 0) * 10) / 10
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
