import t from 'tap'
import { SEND } from '../../../src/base/batch.ts'
import { BindFlag } from '../../../src/system/native-addon.ts'
import { bind, needAddon, openNativeTransport, Probe } from './probe.ts'

const EXPEDITED = 0xb8
const ECT0 = 2
const READ = BindFlag.ttl | BindFlag.tos

for (const [family, at] of [
  ['IPv4', '127.0.0.1:0'],
  ['IPv6', '[::1]:0'],
] as const) {
  t.test(`DSCP and ECN are carried across over ${family} [TURN-IP-02] [TURN-IP-03]`, needAddon(), async t => {
    const { relay, probe } = await chain(t, at, {})

    probe.send(1, relay.local, 'marked', { tos: EXPEDITED | ECT0 })
    probe.send(1, relay.local, 'plain', {})
    const [marked, plain] = await probe.some(2)

    t.match(marked, { text: 'marked', tos: EXPEDITED | ECT0 })
    t.match(plain, { text: 'plain', tos: 0 })
  })

  t.test(
    `without that, what leaves is best effort over ${family} [TURN-IP-02] [TURN-IP-03]`,
    needAddon(),
    async t => {
      const { relay, probe } = await chain(t, at, { carryTos: false })

      probe.send(1, relay.local, 'marked', { tos: EXPEDITED | ECT0, ttl: 9 })
      const [seen] = await probe.some(1)

      t.match(seen, { text: 'marked', tos: 0, ttl: 64 })
    },
  )

  t.test(`the TTL is decremented over ${family}, and never to 0 [TURN-IP-01]`, needAddon(), async t => {
    const { relay, probe } = await chain(t, at, { carryTtl: true })

    probe.send(1, relay.local, 'far', { ttl: 57 })
    probe.send(1, relay.local, 'too far', { ttl: 1 })
    probe.send(1, relay.local, 'just', { ttl: 2 })
    const [far, just] = await probe.some(2)

    t.match(far, { text: 'far', ttl: 56 })
    t.match(just, { text: 'just', ttl: 1 })
  })

  t.test(`bursts are only made of what carries the same fields over ${family}`, needAddon(), async t => {
    const { relay, probe } = await chain(t, at, { carryTos: true })

    for (const tos of [0, 0, 8, 8, 8, 0]) probe.send(1, relay.local, 'same', { tos })
    const seen = await probe.some(6)

    t.strictSame(
      seen.map(one => one.tos),
      [0, 0, 8, 8, 8, 0],
    )
  })
}

/** A probe that sends to a relay socket, which sends everything back. */
async function chain(t: Parameters<typeof openNativeTransport>[0], at: string, options: object) {
  const { udp, inbox, sockets } = openNativeTransport(t, options)
  const relay = await bind(udp, at, 'relay')
  const probe = new Probe(t)
  probe.bind(1, at, READ)
  inbox.answer = batch => {
    for (let i = 0; i < batch.count; i++) batch.verdict[i] = SEND
    sockets.send(batch)
  }
  return { relay, probe }
}
