import { randomFillSync } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { address, formatIp, ipKey } from '../../base/address.ts'
import { MessageWriter, Method, parse } from '../../wire/message.ts'
import type { DoctorCheck } from '../check.ts'
import { finding } from '../finding.ts'
import { readLivekit } from '../livekit.ts'
import { openSession } from '../open.ts'
import { relayed } from './relaying-addresses.ts'

/** What LiveKit uses where its configuration names no range. */
const LIVEKIT_PORTS = { from: 50_000, to: 60_000 }
const TRIES = 8
const INTERVAL = 100
/** Ports that are tried for a free one. */
const MOST_PORTS = 20

/**
 * A media server on the relay's own machine is reached through the relay: we
 * are that server, on one of LiveKit's ports, and are sent a STUN Binding as
 * ICE does. See docs/decisions/0026-media-server-beside-us.md.
 */
export const beside: DoctorCheck = {
  name: 'beside',
  needs: ['endpoints', 'credential'],
  async run(facts) {
    const { livekit } = facts.subject
    const endpoint = facts.endpoints.find(({ state }) => state.allocated)
    if (!livekit || !endpoint || !facts.isOnRelay) return []
    const ports = readLivekit(livekit.text).ports ?? LIVEKIT_PORTS
    const opened = await openSession(endpoint, facts.credential)
    if (!opened.ok) return []
    const session = opened.value
    let server: Socket | undefined
    try {
      const answer = await session.ask((client, now) => client.allocate({}, now))
      const shown = answer.kind === 'allocated' ? answer.relayed[0] : undefined
      const relay = shown && relayed(facts).find(one => ipKey(one.public) === ipKey(shown.ip))
      if (!shown || !relay) return []
      server = await bindIn(ports, relay.local)
      if (!server) return []
      const peer = address(shown.ip, server.address().port)
      const values = { peer: formatIp(peer.ip), port: peer.port, from: ports.from, to: ports.to }
      const at = { at: endpoint.label }
      const permitted = await session.ask((client, now) => client.permit([peer], now))
      if (permitted.kind !== 'permitted') return [finding('beside-closed', values, at)]
      answerStun(server)
      let arrived = false
      session.onData(({ bytes }) => {
        arrived ||= parse(bytes).kind === 'message'
      })
      for (let i = 0; i < TRIES && !arrived; i++) {
        session.sendIndication(peer, bindingRequest())
        await new Promise(resolve => setTimeout(resolve, INTERVAL))
      }
      return [finding(arrived ? 'beside-ok' : 'beside-closed', values, at)]
    } finally {
      server?.close()
      await session.end()
    }
  },
}

/** Binds the first free one of a few ports, from the middle of the range on; undefined where none is free. */
async function bindIn(
  { from, to }: { from: number; to: number },
  ip: Uint8Array,
): Promise<Socket | undefined> {
  const middle = Math.floor((from + to) / 2)
  for (let port = middle; port <= to && port < middle + MOST_PORTS; port++) {
    const socket = createSocket(ip.length === 4 ? 'udp4' : 'udp6')
    try {
      socket.bind(port, formatIp(ip))
      await once(socket, 'listening')
      return socket
    } catch {
      socket.close()
    }
  }
  return undefined
}

function answerStun(server: Socket): void {
  server.on('message', (bytes, from) => {
    const message = parse(bytes)
    if (message.kind !== 'message') return
    server.send(
      new MessageWriter('success', Method.Binding, message.transaction).finish(),
      from.port,
      from.address,
    )
  })
}

function bindingRequest(): Buffer {
  return new MessageWriter('request', Method.Binding, randomFillSync(Buffer.alloc(12))).finish()
}
