// Two werift peers in one process that talk over the relay only.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { listener, pause, talk } from './meter.mjs'

const order = JSON.parse(process.argv[2] ?? '{}')
const { RTCPeerConnection } = createRequire(join(order.modules, 'package.json'))('werift')

const config = {
  iceServers: [
    {
      urls: `turn:${order.host}:${order.port}?transport=${order.transport}`,
      username: order.username,
      credential: order.password,
    },
  ],
  iceTransportPolicy: 'relay',
}
const alice = new RTCPeerConnection(config)
const bob = new RTCPeerConnection(config)
const heard = [listener(), listener()]
const toBob = alice.createDataChannel('session', { ordered: false, maxRetransmits: 0 })
toBob.onMessage.subscribe(message => heard[0].heard(message))
const opened = new Promise(done => bob.onDataChannel.subscribe(done))

await alice.setLocalDescription(await alice.createOffer())
await bob.setRemoteDescription(alice.localDescription)
await bob.setLocalDescription(await bob.createAnswer())
await alice.setRemoteDescription(bob.localDescription)
const toAlice = await opened
toAlice.onMessage.subscribe(message => heard[1].heard(message))
while (toBob.readyState !== 'open') await pause(50)

await talk(
  heard,
  [text => toBob.send(Buffer.from(text)), text => toAlice.send(Buffer.from(text))],
  order.seconds,
)
process.exit()
