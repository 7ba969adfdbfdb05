import type { Page } from 'puppeteer-core'

/** What one end of a call has received so far, and how. */
export interface Received {
  readonly video: number
  readonly audio: number
  readonly frames: number
  /** Messages of the other end. */
  readonly messages: number
  /** The selected candidate pair. */
  readonly local: { readonly type: string; readonly address: string; readonly port: number }
  readonly remote: { readonly type: string; readonly address: string; readonly port: number }
}

/**
 * A page with one end of a call, which may only use relayed candidates. It
 * waits until it has all its candidates, so an offer and an answer are all that has to be carried.
 */
export const ONE_END_PAGE = `<!doctype html>
<meta charset="utf-8">
<title>one end</title>
<video id="seen" autoplay muted playsinline></video>
<script>
'use strict'
let end, chat, messages

async function begin(iceServers) {
  end?.close()
  messages = 0
  end = new RTCPeerConnection({ iceServers, iceTransportPolicy: 'relay' })
  end.ontrack = event => { document.getElementById('seen').srcObject = event.streams[0] }
  chat = end.createDataChannel('chat', { negotiated: true, id: 1 })
  chat.onmessage = () => messages++
  chat.onopen = () => { for (let i = 0; i < 10; i++) chat.send('message ' + i) }
  const media = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 }, audio: true })
  for (const track of media.getTracks()) end.addTrack(track, media)
}

async function described(description) {
  const complete = new Promise(resolve => {
    end.onicegatheringstatechange = () => { if (end.iceGatheringState === 'complete') resolve() }
  })
  await end.setLocalDescription(description)
  await complete
  return end.localDescription.toJSON()
}

async function offer(iceServers) {
  await begin(iceServers)
  return described(await end.createOffer())
}

async function answer(iceServers, offered) {
  await begin(iceServers)
  await end.setRemoteDescription(offered)
  return described(await end.createAnswer())
}

async function accept(answered) {
  await end.setRemoteDescription(answered)
}

// A call that has lost its way looks for another, as clients of Matrix do (RFC 8445 §9).
async function restart() {
  return described(await end.createOffer({ iceRestart: true }))
}

async function follow(offered) {
  await end.setRemoteDescription(offered)
  return described(await end.createAnswer())
}

async function received() {
  const stats = await end.getStats()
  const sum = { video: 0, audio: 0, frames: 0, messages }
  let pair
  for (const entry of stats.values()) {
    if (entry.type === 'transport') pair = stats.get(entry.selectedCandidatePairId)
    if (entry.type !== 'inbound-rtp') continue
    sum[entry.kind] += entry.bytesReceived
    sum.frames += entry.framesDecoded ?? 0
  }
  const of = id => {
    const { candidateType: type, address, port } = stats.get(id) ?? {}
    return { type, address, port }
  }
  return { ...sum, local: of(pair?.localCandidateId), remote: of(pair?.remoteCandidateId) }
}
</script>
`

/** A list for RTCPeerConnection. */
export type IceServers = readonly {
  readonly urls: readonly string[]
  readonly username: string
  readonly credential: string
}[]

/** Has one page call the other; resolves when sound, pictures and messages have arrived at both. */
export async function callBetween(
  [caller, callee]: readonly [Page, Page],
  servers: readonly [IceServers, IceServers],
): Promise<readonly [Received, Received]> {
  const said = (name: string, ...given: unknown[]) => `${name}(${given.map(one => JSON.stringify(one))})`
  const offered = await caller.evaluate(said('offer', servers[0]))
  const answered = await callee.evaluate(said('answer', servers[1], offered))
  await caller.evaluate(said('accept', answered))
  const arrived =
    'received().then(({ audio, frames, messages }) => audio > 0 && frames > 5 && messages === 10)'
  for (const page of [caller, callee]) await page.waitForFunction(arrived, { timeout: 60_000, polling: 100 })
  return [
    (await caller.evaluate('received()')) as Received,
    (await callee.evaluate('received()')) as Received,
  ]
}

/** Restarts ICE of a call that these two pages have; resolves when sound arrives again at both, by this relayed address. */
export async function restartBetween(
  [caller, callee]: readonly [Page, Page],
  address: string,
): Promise<void> {
  const offered = await caller.evaluate('restart()')
  const answered = await callee.evaluate(`follow(${JSON.stringify(offered)})`)
  const before = new Map<Page, number>()
  for (const page of [caller, callee])
    before.set(page, ((await page.evaluate('received()')) as Received).audio)
  await caller.evaluate(`accept(${JSON.stringify(answered)})`)
  for (const page of [caller, callee]) {
    const back = `audio > ${before.get(page)} && local.address === '${address}' && remote.address === '${address}'`
    await page.waitForFunction(`received().then(({ audio, local, remote }) => ${back})`, {
      timeout: 60_000,
      polling: 100,
    })
  }
}
