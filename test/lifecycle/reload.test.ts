import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import { callClient } from '../support/call-client.ts'
import { compareLoss, type Loss, lossRate, lost } from '../support/calls.ts'
import { selfSigned } from '../support/certificate.ts'
import { eventually, openCalls, page, startServe } from '../support/lifecycle.ts'
import type { RunningRelay } from '../support/relay.ts'
import { reload } from '../support/reload.ts'
import { bindingRequest } from '../support/stun.ts'

const CALLS = 50

t.setTimeout(120_000)

t.test(
  'a reload under fifty calls costs none of them a packet, and a broken one changes nothing [OPS-04]',
  async t => {
    const relay = await startServe(t)
    const old = await tlsSession(t, relay)
    const calls = (await openCalls(t, relay, CALLS)).talk()
    const elsewhere = parseAddress('127.0.0.2:9')!
    const bystander = await client(t, relay, relay.secret)
    t.match(await bystander.allocate(), { kind: 'allocated' })
    t.match(await bystander.permit(elsewhere), { kind: 'permitted' })
    t.match(await bystander.bind(0x4001, elsewhere), { kind: 'bound' })
    const before = fingerprint(old)
    let secret = relay.secret

    const { without, during } = await compareLoss(calls, async round => {
      secret = `the secret of round ${round}, which nobody guesses`
      selfSigned(relay.folder)
      await reload(relay, config => ({
        ...config,
        homeservers: [{ name: 'example.org', secrets: [secret] }],
        peers: { deny: ['recommended', '198.51.100.0/24'], allow: ['127.0.0.1'] },
      }))
      const good = readFileSync(relay.config!, 'utf8')
      const refusals = refusalsOf(relay)
      writeFileSync(relay.config!, '{ "realm": "turn.example.org",\n  "listen": [ }')
      relay.child.signal('SIGHUP')
      t.ok(await eventually(() => refusalsOf(relay) > refusals), 'the broken file is refused')
      writeFileSync(relay.config!, good)
    })

    say(t, without, during)
    t.ok(lossRate(during) <= lossRate(without), `${lost(during)} lost during, ${lost(without)} without`)
    t.match(
      relay.child.stderr,
      /the configuration in use stays: [^"]*turnserver\.json:2:\d+/,
      'it says where',
    )
    t.match(await page(relay, '/metrics'), { text: /^taciturn_config_last_reload_successful 0$/m })

    t.match(
      await calls.clients[0]!.refresh(600),
      { kind: 'refreshed' },
      'a live call may go on with the old secret',
    )
    const late = await client(t, relay, relay.secret)
    t.match(await late.allocate(), { kind: 'rejected', code: 401 }, 'a new one may not')
    const renewed = await client(t, relay, secret)
    t.match(await renewed.allocate(), { kind: 'allocated' }, 'the new secret is good')
    t.match(await renewed.permit(parseAddress('198.51.100.9:9')!), { kind: 'rejected', code: 403 })

    t.match(await bystander.permit(elsewhere), { kind: 'rejected', code: 403 }, 'the policy is the new one')
    const denied = await dropsOf(relay)
    for (let i = 0; i < 5; i++) bystander.send(0x4001, 'to where it may no longer go')
    t.ok(await eventually(async () => (await dropsOf(relay)) >= denied + 5), 'for live channels too')

    t.ok(await answersOver(old), 'the TLS session of before lives')
    t.ok(
      await eventually(async () => fingerprint(await tlsSession(t, relay)) !== before),
      'new ones see the new certificate',
    )
  },
)

t.test(
  'a hundred SIGHUPs in a second under fifty calls leave them whole, and the last configuration [OPS-05, SEC-39]',
  async t => {
    const relay = await startServe(t)
    const calls = (await openCalls(t, relay, CALLS)).talk()
    const config = JSON.parse(readFileSync(relay.config!, 'utf8'))
    let limit = 10_000

    const { without, during } = await compareLoss(calls, async () => {
      for (let i = 0; i < 100; i++) {
        limit++
        config.limits.allocations = limit
        writeFileSync(relay.config!, JSON.stringify(config))
        relay.child.signal('SIGHUP')
        await pause(10)
      }
    })

    say(t, without, during)
    t.ok(lossRate(during) <= lossRate(without), `${lost(during)} lost during, ${lost(without)} without`)
    t.ok(
      await eventually(async () =>
        ((await page(relay, '/metrics'))?.text ?? '').includes(`taciturn_allocations_limit ${limit}\n`),
      ),
      'what was written last holds',
    )
    t.equal(relay.child.exit, undefined)
    t.match(await calls.clients[0]!.refresh(600), { kind: 'refreshed' })
  },
)

function say(t: Test, without: Loss, during: Loss): void {
  t.comment(`lost ${lost(without)} of ${without.sent} without, ${lost(during)} of ${during.sent} during`)
}

function refusalsOf(relay: RunningRelay): number {
  return relay.child.stderr.split('the configuration in use stays').length
}

/** Packets that were dropped without an answer. */
async function dropsOf(relay: RunningRelay): Promise<number> {
  const { text } = (await page(relay, '/metrics'))!
  return [...text.matchAll(/^taciturn_drops_total\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
}

async function client(t: Test, relay: RunningRelay, secret: string) {
  const one = await callClient(relay.port, secret, '@bystander:example.org')
  t.teardown(() => one.close())
  return one
}

async function tlsSession(t: Test, relay: RunningRelay): Promise<TLSSocket> {
  const socket = connect({ port: relay.tlsPort, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => socket.destroy())
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  t.ok(await answersOver(socket))
  return socket
}

function fingerprint(socket: TLSSocket): string {
  return socket.getPeerCertificate().fingerprint256
}

function answersOver(socket: TLSSocket): Promise<boolean> {
  return new Promise(resolve => {
    socket.once('data', () => resolve(true))
    socket.once('close', () => resolve(false))
    socket.write(bindingRequest())
  })
}
