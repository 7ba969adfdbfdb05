// Two libdatachannel peers in one process that talk over the relay only; its ICE and TURN are libjuice's.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { listener, pause, talk } from './meter.mjs'

const order = JSON.parse(process.argv[2] ?? '{}')
const { PeerConnection } = createRequire(join(order.modules, 'package.json'))('node-datachannel')

const config = {
  iceServers: [
    {
      hostname: order.host,
      port: order.port,
      username: order.username,
      password: order.password,
      relayType: 'TurnUdp',
    },
  ],
  iceTransportPolicy: 'relay',
}
const alice = new PeerConnection('alice', config)
const bob = new PeerConnection('bob', config)
for (const [one, other] of [
  [alice, bob],
  [bob, alice],
]) {
  one.onLocalDescription((sdp, type) => other.setRemoteDescription(sdp, type))
  one.onLocalCandidate((candidate, mid) => other.addRemoteCandidate(candidate, mid))
}
const heard = [listener(), listener()]
const opened = new Promise(done => bob.onDataChannel(done))
const toBob = alice.createDataChannel('session', { unordered: true, maxRetransmits: 0 })
toBob.onMessage(message => heard[0].heard(message))
const toAlice = await opened
toAlice.onMessage(message => heard[1].heard(message))
while (!toBob.isOpen() || !toAlice.isOpen()) await pause(50)

await talk(heard, [text => toBob.sendMessage(text), text => toAlice.sendMessage(text)], order.seconds)
process.exit()
