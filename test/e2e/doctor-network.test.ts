import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { examineFromOutside, examineHere, install } from '../support/doctor.ts'
import { enterNamespace, Namespace, needNamespaces, wire } from '../support/namespaces.ts'

// Before this process waits for the one in the namespace.
t.setTimeout(300_000)

const inside = await enterNamespace(import.meta.url)
const needed: { skip: string | false } = inside ? { skip: false } : needNamespaces('nft')
const PORTS = '49152-51151'
const RESOLVE = ['--resolve', 'turn.example.org=80.1.1.99']

t.test('with another machine beside the relay', needed, async t => {
  const own = Namespace.own()
  const other = await Namespace.create('other')
  t.teardown(() => other.close())
  wire(
    { at: own, device: 'wan', addresses: ['80.1.1.10/24', '192.168.1.5/24'] },
    { at: other, device: 'lan', addresses: ['80.1.1.99/24', '192.168.1.1/24'] },
  )

  await t.test(
    'O-22: a name that leads to another machine is the first finding, and the only one',
    async t => {
      const installation = await install(t, {
        host: 'turn.example.org',
        settings: { relay: { addresses: ['80.1.1.10'], ports: PORTS } },
      })
      const { findings, complaints, code } = await examineHere(t, installation, ...RESOLVE)
      t.same(complaints, ['name-elsewhere'])
      t.equal(code, 4)
      t.equal(findings[0]?.at.length, 3, 'at all its URIs')
      t.match(findings[0]?.problem, /80\.1\.1\.99, but this relay is at 80\.1\.1\.10; .* HTTP proxy/)
    },
  )

  await t.test('O-25: a port that the router maps cannot be checked from inside', async t => {
    const uri = 'turns:turn.example.org:443?transport=tcp'
    const installation = await install(t, {
      settings: { relay: { addresses: ['192.168.1.5=80.1.1.99'], ports: PORTS } },
      homeserver: uris => ({ uris: [...uris, uri] }),
    })
    const { findings, complaints, code } = await examineHere(t, installation, ...RESOLVE)
    t.same(complaints, [])
    t.equal(code, 0)
    const found = findings.find(({ id }) => id === 'not-from-here')
    t.match(found, { title: `${uri} cannot be checked from here` })
    t.match(found?.fix, `taciturn doctor --from-outside --turn-uri "${uri}"`)
  })

  await t.test('O-01: a media server beside the relay is tried through the relay', async t => {
    const addresses = { addresses: ['80.1.1.10'], ports: PORTS }
    for (const [peers, id, fix] of [
      [{ deny: ['recommended'] }, 'beside-ok', undefined],
      [
        { deny: ['recommended'], sameHost: ['30000-30010'] },
        'beside-closed',
        /"sameHost": \["50100-50200"\]/,
      ],
    ] as const) {
      const installation = await install(t, { settings: { relay: addresses, peers } })
      const file = join(installation.relay.folder, 'livekit.yaml')
      const lines = ['rtc:', '  port_range_start: 50100', '  port_range_end: 50200']
      writeFileSync(file, `${lines.join('\n')}\n`)
      const { findings } = await examineHere(t, installation, '--livekit', file)
      const found = findings.filter(one => one.id.startsWith('beside-'))
      t.match(found, [{ id }])
      if (fix) t.match(found[0]?.fix, fix)
    }
  })
})

t.test('O-21: a range that the router forwards in part is named', needed, async t => {
  const run = (...words: string[]) => Namespace.own().run('nft', ...words)
  const installation = await install(t, {
    settings: {
      relay: { addresses: ['127.0.0.2'], ports: PORTS },
      peers: { deny: ['recommended'], allow: ['127.0.0.1/32'] },
    },
  })
  const whole = await examineFromOutside(t, installation)
  t.match(whole.findings.find(({ id }) => id === 'inbound-ok')?.title, /^8 relay ports/)

  run('add', 'table', 'inet', 'router')
  run('add', 'chain', 'inet', 'router', 'in', '{ type filter hook input priority 0; }')
  const closed = ['ip', 'daddr', '127.0.0.2', 'udp', 'dport', '49652-51151']
  run('add', 'rule', 'inet', 'router', 'in', 'ip', 'saddr', '127.0.0.1', ...closed, 'drop')
  const seen = new Set<string>()
  // Ports are random: one run in ten finds none of the quarter that is open.
  for (let i = 0; i < 5 && !seen.has('inbound-partly'); i++) {
    const { findings, code } = await examineFromOutside(t, installation)
    t.equal(code, 1)
    for (const { id } of findings.filter(one => one.id.startsWith('inbound-'))) seen.add(id)
  }
  t.ok(seen.has('inbound-partly'))
  t.notOk(seen.has('inbound-ok'))
})
