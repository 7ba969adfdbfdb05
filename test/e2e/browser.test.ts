import t, { type Test } from 'tap'
import { type BrowserName, openInBrowser, RELAY_NAME } from '../support/browser.ts'
import { CALL_PAGE, type Call } from '../support/call-page.ts'
import { credential } from '../support/credentials.ts'
import { need } from '../support/need.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'

/** Seconds that a call lasts. */
const CALL = 20

// Firefox has no way to take a self-signed certificate for turns:, so Chromium stands for TLS.
const CALLS: readonly { browser: BrowserName; uris: readonly Uri[] }[] = [
  { browser: 'chromium', uris: ['udp', 'tcp', 'tls'] },
  { browser: 'firefox-esr', uris: ['udp', 'tcp'] },
]
type Uri = 'udp' | 'tcp' | 'tls'

t.setTimeout(400_000)

for (const { browser: name, uris } of CALLS) {
  for (const uri of uris) {
    const title = `two peers in ${name} hold a relayed call for ${CALL} seconds over ${write(uri, 'PORT')}`
    t.test(title, need(name, 'openssl'), async t => {
      t.setTimeout(120_000)
      const relay = await startRelay()
      t.teardown(() => relay.stop())
      const browser = await openInBrowser(name, CALL_PAGE)
      t.teardown(() => browser.stop())
      t.comment(browser.version)

      const before = await relayedPackets(relay)
      const server = {
        urls: [write(uri, `${uri === 'tls' ? relay.tlsPort : relay.port}`)],
        ...named(credential(relay.secret, '@alice:example.org')),
      }
      const script = `call(${JSON.stringify(server)}, ${CALL})`
      const calling = browser.page.evaluate(script) as Promise<Call>
      const during = await movedWhile(calling, relay, before)
      const call = await calling

      t.same(call.state, ['connected', 'connected'], 'still connected at the end')
      for (const [i, { local, remote }] of call.pairs.entries()) {
        const who = i === 0 ? 'caller' : 'callee'
        t.equal(local.type, 'relay', `the ${who} sends from a relayed address`)
        t.equal(remote.type, 'relay', `the ${who} sends to a relayed address`)
        for (const end of [local, remote]) {
          t.equal(end.address, '127.0.0.1', `the ${who}'s pair is on this server`)
          t.ok(end.port >= relay.relayPorts.from && end.port <= relay.relayPorts.to, 'in its port range')
        }
      }
      t.same(call.pairs[0]?.local, call.pairs[1]?.remote, 'both ends mean the same pair')
      growsToTheEnd(t, call)
      t.equal(call.samples.at(-1)?.echoes, call.sent, 'every message on the data channel came back')
      t.ok(call.sent > CALL * 5, 'and they were many')
      if (before !== undefined) {
        t.ok(during, 'the metrics moved while the call ran')
        t.ok((await relayedPackets(relay))! > before + 1000, 'and tell of the whole call afterwards')
      }
    })
  }
}

function write(uri: Uri, port: string): string {
  // By name, as clients have it, and are served over TLS for it (docs/decisions/0047-records-of-tls.md).
  return uri === 'tls'
    ? `turns:${RELAY_NAME}:${port}?transport=tcp`
    : `turn:127.0.0.1:${port}?transport=${uri}`
}

/** RTCIceServer calls the password `credential`. */
function named({ username, password }: { username: string; password: string }) {
  return { username, credential: password }
}

function growsToTheEnd(t: Test, call: Call): void {
  const grows = (what: string, read: (sample: Call['samples'][number]) => number) => {
    // The last sample was taken a moment after the one before, when the messages stopped.
    const values = call.samples.slice(0, -1).map(read)
    const growing = values.every((value, i) => value > (i === 0 ? 0 : values[i - 1]!))
    t.ok(growing, `${what} keep coming until the end`, { values })
  }
  for (const [i, who] of [
    [0, 'caller'],
    [1, 'callee'],
  ] as const) {
    grows(`video octets to the ${who}`, sample => sample.videoBytes[i])
    grows(`decoded frames at the ${who}`, sample => sample.frames[i])
    grows(`audio octets to the ${who}`, sample => sample.audioBytes[i])
  }
  grows('echoes on the data channel', sample => sample.echoes)
}

/** Packets relayed so far, both directions; undefined where the server has no metrics. */
async function relayedPackets(relay: RunningRelay): Promise<number | undefined> {
  if (!relay.metrics) return undefined
  const text = await (await fetch(relay.metrics)).text()
  const lines = [...text.matchAll(/^taciturn_relayed_packets_total(?:\{[^}]*\})? (\S+)/gm)]
  if (lines.length === 0) throw new Error(`no relayed packets in the metrics:\n${text}`)
  return lines.reduce((sum, [, value]) => sum + Number(value), 0)
}

/** True when two looks at the metrics, taken while the call runs, each found more relayed packets than the one before. */
async function movedWhile(
  calling: Promise<unknown>,
  relay: RunningRelay,
  before: number | undefined,
): Promise<boolean> {
  let over = false
  const end = calling.then(
    () => (over = true),
    () => (over = true),
  )
  let steps = 0
  let last = before ?? 0
  while (!over) {
    await Promise.race([end, new Promise(resolve => setTimeout(resolve, 2000))])
    const seen = over ? undefined : await relayedPackets(relay)
    if (seen !== undefined && seen > last) {
      steps++
      last = seen
    }
  }
  return steps >= 2
}
