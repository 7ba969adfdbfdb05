import { build } from 'esbuild'

/** One of the two users of a call. */
export interface Caller {
  readonly id: string
  readonly token: string
  readonly device: string
}

/** What the page is to do. */
export interface MatrixCallPlan {
  readonly homeserver: string
  readonly room: string
  readonly caller: Caller
  readonly callee: Caller
  readonly seconds: number
}

/** What a page measured of one end of the call. */
export interface MatrixEnd {
  readonly state: string
  /** TURN URIs that the library had from the homeserver. */
  readonly uris: readonly string[]
  /** Selected pair: types and addresses of both candidates. */
  readonly local: { readonly type: string; readonly address: string; readonly port: number }
  readonly remote: { readonly type: string; readonly address: string; readonly port: number }
  /** Received so far, sampled each second. */
  readonly video: readonly number[]
  readonly audio: readonly number[]
  readonly frames: readonly number[]
}

/**
 * A page with matrix-js-sdk, the library of Element Web. Its `talk(plan)` logs
 * two users in, lets one place a video call over relays only and the other
 * answer, and returns a `MatrixEnd` of each.
 */
export async function matrixPage(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: "import * as sdk from 'matrix-js-sdk'\nglobalThis.sdk = sdk",
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    define: { global: 'globalThis' },
    // Loaded only by rooms with encryption, of which there are none here.
    external: ['@matrix-org/matrix-sdk-crypto-wasm'],
    logLevel: 'silent',
  })
  const library = outputFiles[0]!.text
  return `<!doctype html><meta charset="utf-8"><title>call</title><script>${library}</script><script>${PAGE}</script>`
}

const PAGE = `'use strict'
async function logIn(homeserver, { id, token, device }) {
  const client = sdk.createClient({
    baseUrl: homeserver, accessToken: token, userId: id, deviceId: device,
    // As Element Web does, where calls are forced over TURN.
    forceTURN: true, iceCandidatePoolSize: 20, fallbackICEServerAllowed: false,
  })
  const synced = new Promise(resolve => client.on('sync', state => { if (state === 'PREPARED') resolve() }))
  const served = new Promise(resolve => client.once('turnServers', resolve))
  await client.startClient({ initialSyncLimit: 5 })
  await synced
  if (client.getTurnServers().length === 0) await served
  return client
}

function connected(call, who) {
  return new Promise((resolve, reject) => {
    call.on('error', error => reject(new Error(who + ': ' + error.message)))
    call.on('hangup', () => reject(new Error(who + ': hung up, ' + call.hangupReason)))
    const look = () => { if (call.state === 'connected') resolve() }
    call.on('state', look)
    look()
  })
}

async function received(call) {
  const sums = { video: 0, audio: 0, frames: 0 }
  for (const entry of (await call.peerConn.getStats()).values()) {
    if (entry.type !== 'inbound-rtp') continue
    sums[entry.kind] += entry.bytesReceived
    if (entry.kind === 'video') sums.frames += entry.framesDecoded ?? 0
  }
  return sums
}

async function describe(call, client, samples) {
  const stats = await call.peerConn.getStats()
  const transport = [...stats.values()].find(entry => entry.type === 'transport' && entry.selectedCandidatePairId)
  const pair = stats.get(transport.selectedCandidatePairId)
  const end = id => {
    const { candidateType, address, port } = stats.get(id)
    return { type: candidateType, address, port }
  }
  return {
    state: call.state,
    uris: client.getTurnServers().flatMap(server => server.urls),
    local: end(pair.localCandidateId),
    remote: end(pair.remoteCandidateId),
    video: samples.map(sample => sample.video),
    audio: samples.map(sample => sample.audio),
    frames: samples.map(sample => sample.frames),
  }
}

async function talk(plan) {
  const clients = [await logIn(plan.homeserver, plan.caller), await logIn(plan.homeserver, plan.callee)]
  try {
    const ringing = new Promise(resolve => clients[1].once('Call.incoming', resolve))
    const outgoing = sdk.createNewMatrixCall(clients[0], plan.room)
    if (!outgoing) throw new Error('this browser cannot call')
    const placed = connected(outgoing, 'caller')
    await outgoing.placeVideoCall()
    const incoming = await Promise.race([ringing, placed.then(() => { throw new Error('connected to nobody') })])
    const answered = connected(incoming, 'callee')
    await incoming.answer(true, true)
    await Promise.all([placed, answered])
    const calls = [outgoing, incoming]
    const samples = [[], []]
    for (let second = 0; second < plan.seconds; second++) {
      await new Promise(resolve => setTimeout(resolve, 1000))
      for (const i of [0, 1]) samples[i].push(await received(calls[i]))
    }
    // Each end moves to a better pair by itself, so for a moment the two may mean different ones.
    let ends
    for (let attempt = 0; attempt < 20; attempt++) {
      ends = await Promise.all(calls.map((call, i) => describe(call, clients[i], samples[i])))
      if (ends[0].local.port === ends[1].remote.port && ends[1].local.port === ends[0].remote.port) break
      await new Promise(resolve => setTimeout(resolve, 500))
    }
    outgoing.removeAllListeners()
    incoming.removeAllListeners()
    outgoing.hangup('user_hangup', false)
    return ends
  } finally {
    for (const client of clients) client.stopClient()
  }
}
`
