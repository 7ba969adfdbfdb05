// A relay inside a browser test: two pages of Chromium talk over a data channel that may only use the relay.
// Needs puppeteer-core, and a Chromium: `CHROMIUM=/path/to/it`, or that of Debian.
import assert from 'node:assert/strict'
import puppeteer from 'puppeteer-core'
import { startRelay } from 'taciturn'

const relay = await startRelay({
  configuration: {
    realm: 'example.org',
    listen: ['udp://127.0.0.1:0'],
    relay: { addresses: ['127.0.0.1'] },
  },
})
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // Chromium's own sandbox does not work for root, as in most containers; and loopback is no place for a call elsewhere.
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--allow-loopback-in-peer-connection'],
})
try {
  const [alice, bob] = await Promise.all([browser.newPage(), browser.newPage()])
  const offer = await alice.evaluate(call, relay.credential({ user: 'alice' }))
  const answer = await bob.evaluate(take, relay.credential({ user: 'bob' }), offer)
  await alice.evaluate(answer => globalThis.pc.setRemoteDescription(answer), answer)

  const heard = await alice.evaluate(() => globalThis.heard)
  const pair = await alice.evaluate(selectedPair)

  assert.equal(heard, 'hello from bob')
  assert.deepEqual(pair, { local: 'relay', remote: 'relay' })
  assert.equal(relay.allocations, 2)
  console.log(`two browsers: ${heard}, from ${pair.local} to ${pair.remote}`)
} finally {
  await browser.close()
  await relay.stop()
}

// What follows runs in the pages.

async function call(iceServer) {
  const pc = new RTCPeerConnection({ iceServers: [iceServer], iceTransportPolicy: 'relay' })
  const channel = pc.createDataChannel('chat')
  globalThis.pc = pc
  globalThis.heard = new Promise(resolve => {
    channel.onmessage = event => resolve(event.data)
  })
  await pc.setLocalDescription()
  await new Promise(resolve => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve()
  })
  return pc.localDescription.toJSON()
}

async function take(iceServer, offer) {
  const pc = new RTCPeerConnection({ iceServers: [iceServer], iceTransportPolicy: 'relay' })
  globalThis.pc = pc
  pc.ondatachannel = ({ channel }) => {
    channel.onopen = () => channel.send('hello from bob')
  }
  await pc.setRemoteDescription(offer)
  await pc.setLocalDescription()
  await new Promise(resolve => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve()
  })
  return pc.localDescription.toJSON()
}

async function selectedPair() {
  const stats = [...(await globalThis.pc.getStats()).values()]
  const pair = stats.find(one => one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded')
  const typeOf = id => stats.find(one => one.id === id).candidateType
  return { local: typeOf(pair.localCandidateId), remote: typeOf(pair.remoteCandidateId) }
}
