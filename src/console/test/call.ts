import { type Quality, qualityOf } from '../../verdict/measure.ts'
import { readTestUri } from '../../verdict/uri.ts'
import type { WayVerdict } from '../../verdict/verdict.ts'

export type CallStep = 'gathering' | 'calling' | 'measuring'

export interface IceServer {
  readonly urls: string
  readonly username: string
  readonly credential: string
}

/** Milliseconds. A browser gives up on a relay after 10 s or so; a call over a good way stands within one. */
const GATHER = 12_000
const CONNECT = 10_000
const PINGS = 2_000
const PING_EVERY = 20
/** For those that are still under way. */
const LAST_PING = 1_000
const FLOOD = 1_000
/** Octets: like a packet of sound, and as much as fits into one packet. */
const PING = 160
const CHUNK = 1_100
const QUEUE = 64 * CHUNK

/**
 * Tries one way: finds the relay, holds a call with itself from relayed address
 * to relayed address, and measures it.
 */
export async function tryWay(server: IceServer, tell: (step: CallStep) => void): Promise<WayVerdict> {
  const { transport, port } = readTestUri(server.urls)!
  const base = { uri: server.urls, transport, port }
  const configuration: RTCConfiguration = { iceServers: [{ ...server }], iceTransportPolicy: 'relay' }
  const ends = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)] as const
  const [caller, callee] = ends
  const began = performance.now()
  try {
    tell('gathering')
    let error: WayVerdict['error']
    for (const end of ends)
      end.addEventListener('icecandidateerror', event => {
        error = { code: event.errorCode, text: event.errorText.slice(0, 255) }
      })
    const pings = caller.createDataChannel('pings', { ordered: false, maxRetransmits: 0 })
    const flood = caller.createDataChannel('flood', { ordered: false })
    for (const channel of [pings, flood]) channel.binaryType = 'arraybuffer'
    const open = Promise.all([opened(pings), opened(flood)])
    const flooded = echo(callee)

    const gathered = [candidates(caller, callee), candidates(callee, caller)] as const
    await caller.setLocalDescription()
    const first = gathered[0]
    if (!(await first)) return { ...base, candidate: false, connected: false, ...(error && { error }) }
    tell('calling')
    await callee.setRemoteDescription(caller.localDescription!)
    await callee.setLocalDescription()
    await caller.setRemoteDescription(callee.localDescription!)
    const isOpen = await Promise.race([open.then(() => true), timeout(CONNECT).then(() => false)])
    if (!isOpen) return { ...base, candidate: true, connected: false, ...(error && { error }) }
    const took = performance.now() - began
    tell('measuring')
    const quality = await measure(pings, flood, flooded)
    return { ...base, candidate: true, connected: true, took, quality }
  } finally {
    for (const end of ends) end.close()
  }
}

/** Hands candidates over; true when there is one, false when the search has ended without. */
function candidates(from: RTCPeerConnection, to: RTCPeerConnection): Promise<boolean> {
  return new Promise(resolve => {
    const waiting: RTCIceCandidate[] = []
    const pass = () => {
      if (!to.remoteDescription) return
      for (const candidate of waiting.splice(0)) to.addIceCandidate(candidate).catch(() => undefined)
    }
    to.addEventListener('signalingstatechange', pass)
    from.addEventListener('icecandidate', ({ candidate }) => {
      if (candidate?.candidate) {
        waiting.push(candidate)
        pass()
        resolve(true)
      } else if (from.iceGatheringState === 'complete') resolve(false)
    })
    from.addEventListener('icegatheringstatechange', () => {
      if (from.iceGatheringState === 'complete') resolve(false)
    })
    setTimeout(() => resolve(false), GATHER)
  })
}

/** Sends pings back and counts what the flood brings. */
function echo(callee: RTCPeerConnection): { bytes: number; first: number; last: number } {
  const count = { bytes: 0, first: 0, last: 0 }
  callee.addEventListener('datachannel', ({ channel }) => {
    channel.binaryType = 'arraybuffer'
    channel.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
      if (channel.label === 'pings') {
        if (channel.readyState === 'open') channel.send(data)
        return
      }
      count.last = performance.now()
      count.first ||= count.last
      count.bytes += data.byteLength
    })
  })
  return count
}

async function measure(
  pings: RTCDataChannel,
  flood: RTCDataChannel,
  flooded: { readonly bytes: number; readonly first: number; readonly last: number },
): Promise<Quality> {
  const trips: (number | undefined)[] = []
  const sent: number[] = []
  pings.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
    const number = new DataView(data).getUint32(0)
    trips[number] ??= performance.now() - sent[number]!
  })
  const end = performance.now() + PINGS
  while (performance.now() < end && pings.readyState === 'open') {
    const packet = new ArrayBuffer(PING)
    new DataView(packet).setUint32(0, sent.length)
    sent.push(performance.now())
    trips.push(undefined)
    pings.send(packet)
    await timeout(PING_EVERY)
  }
  await timeout(LAST_PING)
  // What comes later than this is of no use to a call.
  const counted = [...trips]
  await fill(flood)
  const length = flooded.last - flooded.first
  return qualityOf(counted, length > 0 ? (flooded.bytes / length) * 1000 : 0)
}

async function fill(flood: RTCDataChannel): Promise<void> {
  const chunk = new Uint8Array(CHUNK)
  const end = performance.now() + FLOOD
  while (performance.now() < end && flood.readyState === 'open') {
    while (flood.bufferedAmount < QUEUE) flood.send(chunk)
    await timeout(5)
  }
}

function opened(channel: RTCDataChannel): Promise<unknown> {
  return new Promise(resolve => channel.addEventListener('open', resolve, { once: true }))
}

function timeout(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
