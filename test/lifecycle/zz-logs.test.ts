import { createSocket } from 'node:dgram'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { callClient } from '../support/call-client.ts'
import { LOGS, openCalls, startServe } from '../support/lifecycle.ts'
import { bindingRequest } from '../support/stun.ts'

t.setTimeout(60_000)

/** Users whose names are meant to break a log. */
const HOSTILE = [
  '@a\nb:example.org',
  '@\u001b[31mred:example.org',
  '@%s%n%x:example.org',
  `@${'z'.repeat(400)}:example.org`,
]

t.test('a relay that everything happens to logs each thing on one line [OPS-25, SEC-22, ABU-16]', async t => {
  const relay = await startServe(t, {
    settings: { log: { level: 'trace', format: 'json', privacy: 'pseudonym' } },
  })
  const calls = await openCalls(t, relay, 3)
  for (const user of HOSTILE) {
    for (const secret of [relay.secret, 'a wrong secret, which is nobody’s']) {
      const one = await callClient(relay.port, secret, user)
      await one.allocate()
      one.close()
    }
  }
  const socket = createSocket('udp4')
  for (let i = 0; i < 50; i++) socket.send(bindingRequest().fill(i, 4), relay.port, '127.0.0.1')
  await calls.clients[0]!.refresh(0)
  socket.close()
  relay.child.signal('SIGHUP')
  await relay.child.says(/configuration reloaded/)
  await relay.child.stop()

  for (const line of relay.child.stderr.trim().split('\n')) {
    t.match(JSON.parse(line), { level: String, msg: String })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    t.notMatch(line, /[\u0000-\u001f]/)
  }
})

t.test(
  'no log of the whole suite holds a secret, a password, a key, a name or an address [OPS-25, SEC-38]',
  async t => {
    // What came before this test of its own file is there in any case.
    t.ok(existsSync(LOGS))
    let lines = 0
    for (const file of readdirSync(LOGS)) {
      for (const line of readFileSync(join(LOGS, file), 'utf8').split('\n')) {
        if (line === '') continue
        lines++
        const record = parsed(line)
        if (!record && !REFUSAL.test(line)) t.fail(`not a record: ${line}`)
        for (const [what, pattern] of NEVER) if (pattern.test(line)) t.fail(`${what}: ${line}`)
        for (const name of ['user', 'client', 'peer', 'from', 'username']) {
          const value = String(record?.[name] ?? '')
          if (/\d+\.\d+\.\d+\.\d+|::|@/.test(value)) t.fail(`${name}: ${line}`)
        }
      }
    }
    t.comment(`${lines} lines`)
    t.ok(lines > 50)
    rmSync(LOGS, { recursive: true, force: true })
  },
)

/** A start that fails says why in sentences, to the person who started it, and where in the configuration. */
const REFUSAL = /^taciturn: |^\S+\/turnserver\.json:\d+:\d+: |^ +(\d* ?\||→ )|^\d+ problems?$/

const NEVER: readonly (readonly [string, RegExp])[] = [
  ['a secret', /a secret that only this test knows|the secret of round|which nobody guesses|qW4xT9bN2mK7/],
  ['a private key', /PRIVATE KEY|BEGIN /],
  ['a nonce', /obMatJos2/],
  ['a Matrix ID', /@[^"\s]*:example\.org/],
  ['a time-limited name', /\b\d{10}:/],
]

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
