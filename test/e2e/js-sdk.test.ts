import t from 'tap'
import { openInBrowser } from '../support/browser.ts'
import { selfSigned } from '../support/certificate.ts'
import { type MatrixCallPlan, type MatrixEnd, matrixPage } from '../support/matrix-page.ts'
import { need } from '../support/need.ts'
import { startRelay } from '../support/relay.ts'
import { needSynapse, startSynapse } from '../support/synapse.ts'

/** Seconds that the call lasts. */
const CALL = 12

t.setTimeout(300_000)

const { skip } = needSynapse()
const needed = skip ? { skip } : need('chromium', 'openssl')

t.test(
  `two users of a real Synapse hold a video call of ${CALL} seconds over relays only`,
  needed,
  async t => {
    t.setTimeout(240_000)
    const relay = await startRelay({ against: 'taciturn' })
    t.teardown(() => relay.stop())
    const uris = ['udp', 'tcp'].map(transport => `turn:127.0.0.1:${relay.port}?transport=${transport}`)
    const synapse = await startSynapse({
      certificate: selfSigned(t.testdir({})),
      settings: { turn_uris: uris, turn_shared_secret: relay.secret, turn_user_lifetime: '24h' },
    })
    t.teardown(() => synapse.stop())
    const alice = await synapse.register('alice')
    const bob = await synapse.register('bob')
    const { json } = await alice.post('/_matrix/client/v3/createRoom', {
      preset: 'trusted_private_chat',
      is_direct: true,
      invite: [bob.id],
    })
    const room = String(json.room_id)
    await bob.post(`/_matrix/client/v3/join/${encodeURIComponent(room)}`)

    const browser = await openInBrowser('chromium', await matrixPage())
    t.teardown(() => browser.stop())
    const plan: MatrixCallPlan = {
      homeserver: synapse.url,
      room,
      caller: { id: alice.id, token: alice.token, device: alice.device },
      callee: { id: bob.id, token: bob.token, device: bob.device },
      seconds: CALL,
    }
    const ends = (await browser.page.evaluate(`talk(${JSON.stringify(plan)})`)) as [MatrixEnd, MatrixEnd]

    for (const [i, end] of ends.entries()) {
      const who = i === 0 ? 'the caller' : 'the callee'
      t.equal(end.state, 'connected', `${who} is connected at the end`)
      t.same(end.uris, uris, `${who} has the servers of Synapse and no others`)
      for (const { type, address, port } of [end.local, end.remote]) {
        t.equal(type, 'relay', `${who} uses relayed addresses on both sides`)
        t.equal(address, '127.0.0.1')
        t.ok(port >= relay.relayPorts.from && port <= relay.relayPorts.to, 'out of the relay’s range')
      }
      for (const kind of ['video', 'audio', 'frames'] as const) {
        const values = end[kind]
        const growing = values.every((value, second) => second === 0 || value > values[second - 1]!)
        t.ok(growing && values.at(-1)! > 0, `${kind} keep coming to ${who}`, { values })
      }
    }
    t.same(ends[0].local, ends[1].remote, 'both mean the same pair')
    const opened = relay.child.output.match(/"msg":"opened"/g)?.length ?? 0
    t.ok(opened >= 4, `${opened} allocations were opened`)
    const page = await (await fetch(relay.metrics!)).text()
    const rejected = [...page.matchAll(/^taciturn_rejected_total\{reason="([^"]+)"\} [1-9]/gm)]
    t.same(
      rejected.map(([, reason]) => reason),
      ['first-401'],
      'and none was refused but for the first challenge',
    )
  },
)
