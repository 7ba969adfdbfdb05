import t from 'tap'
import { formatIp, parseIp } from '../../../src/base/address.ts'
import type { Time } from '../../../src/base/time.ts'
import { parseServerName } from '../../../src/homeserver/matrix-id.ts'
import type { Exchanged } from '../../../src/http/exchange.ts'
import {
  Discovery,
  type Get,
  type HomeserverService,
  type NameResolver,
} from '../../../src/issue/discovery.ts'

interface Internet {
  readonly addresses?: Readonly<Record<string, readonly string[]>>
  readonly services?: Readonly<Record<string, readonly Partial<HomeserverService>[]>>
  /** What is answered at `https://…`, by URL. */
  readonly pages?: Readonly<Record<string, Partial<Page>>>
}

interface Page {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Looks servers up in a small Internet in which 10.0.0.0/8 is private. */
function discovery({ addresses = {}, services = {}, pages = {} }: Internet) {
  const asked: string[] = []
  const lookups: string[] = []
  const names: NameResolver = {
    async addresses(host) {
      lookups.push(host)
      if (host === 'broken.example') throw new Error('SERVFAIL')
      return (addresses[host] ?? []).map(ip => parseIp(ip)!)
    },
    async services(name) {
      if (name.endsWith('broken.example')) throw new Error('SERVFAIL')
      return (services[name] ?? []).map(one => ({ name: '', port: 0, priority: 10, weight: 0, ...one }))
    },
  }
  const get: Get = async ({ ip, port, servername, host }, path): Promise<Exchanged> => {
    asked.push(`${formatIp(ip)} ${port} ${servername ?? '-'} https://${host}${path}`)
    const page = pages[`https://${host}${path}`]
    if (!page) return { kind: 'failed', why: { key: 'exchange.nothingListens' }, unreached: true }
    const { status = 200, headers = {}, body = '' } = page
    return { kind: 'answer', status, header: name => headers[name], body }
  }
  let now = 0 as Time
  const found = new Discovery(
    names,
    get,
    ip => ip[0] !== 10 && ip[0] !== 0xfc,
    () => now,
  )
  return {
    asked,
    lookups,
    pass: (hours: number) => {
      now = (now + hours * 3_600_000) as Time
    },
    async find(name: string) {
      const result = await found.find(parseServerName(name)!, new AbortController().signal)
      if (result.kind === 'failed') return result.why
      return result.targets.map(
        ({ ip, port, servername, host }) => `${formatIp(ip)} ${port} ${servername ?? '-'} ${host}`,
      )
    },
  }
}

const WELL_KNOWN = 'https://example.org/.well-known/matrix/server'
const DELEGATES = (to: string, headers = {}) => ({
  [WELL_KNOWN]: { body: JSON.stringify({ 'm.server': to }), headers },
})
const ADDRESSES = {
  'example.org': ['192.0.2.1'],
  'matrix.example.org': ['192.0.2.2', '2001:db8::2'],
  'srv.example.net': ['192.0.2.3'],
}

t.test('step 1: an address is itself, on its port or 8448', async t => {
  const { find, asked, lookups } = discovery({})
  t.same(await find('192.0.2.7'), ['192.0.2.7 8448 - 192.0.2.7'])
  t.same(await find('192.0.2.7:80'), ['192.0.2.7 80 - 192.0.2.7:80'])
  t.same(await find('[2001:db8::7]:80'), ['2001:db8::7 80 - [2001:db8::7]:80'])
  t.same(asked, [])
  t.same(lookups, [])
})

t.test('step 2: a name with a port is looked up and nothing else', async t => {
  const { find, asked } = discovery({ addresses: ADDRESSES, pages: DELEGATES('elsewhere.example') })
  t.same(await find('example.org:1234'), ['192.0.2.1 1234 example.org example.org:1234'])
  t.same(asked, [])
})

t.test('step 3.1: .well-known delegates to an address', async t => {
  const { find, asked } = discovery({ addresses: ADDRESSES, pages: DELEGATES('192.0.2.9') })
  t.same(await find('example.org'), ['192.0.2.9 8448 - 192.0.2.9'])
  t.same(asked, [`192.0.2.1 443 example.org ${WELL_KNOWN}`])
})

t.test('step 3.2: .well-known delegates to a name with a port', async t => {
  const { find } = discovery({ addresses: ADDRESSES, pages: DELEGATES('matrix.example.org:443') })
  t.same(await find('example.org'), [
    '192.0.2.2 443 matrix.example.org matrix.example.org:443',
    '2001:db8::2 443 matrix.example.org matrix.example.org:443',
  ])
})

t.test(
  'step 3.3: .well-known delegates to a name with a service, and the certificate is for that name',
  async t => {
    const services = { '_matrix-fed._tcp.matrix.example.org': [{ name: 'srv.example.net', port: 9000 }] }
    const { find } = discovery({ addresses: ADDRESSES, services, pages: DELEGATES('matrix.example.org') })
    t.same(await find('example.org'), ['192.0.2.3 9000 matrix.example.org matrix.example.org'])
  },
)

t.test('step 3.4: the old service name does as well', async t => {
  const services = { '_matrix._tcp.matrix.example.org': [{ name: 'srv.example.net', port: 9000 }] }
  const { find } = discovery({ addresses: ADDRESSES, services, pages: DELEGATES('matrix.example.org') })
  t.same(await find('example.org'), ['192.0.2.3 9000 matrix.example.org matrix.example.org'])
})

t.test('step 3.5: .well-known delegates to a name, on 8448', async t => {
  const { find } = discovery({ addresses: ADDRESSES, pages: DELEGATES('matrix.example.org') })
  t.match(await find('example.org'), [
    '192.0.2.2 8448 matrix.example.org matrix.example.org',
    /^2001:db8::2 8448/,
  ])
})

t.test('step 4: without .well-known the service of the name itself', async t => {
  const services = {
    '_matrix-fed._tcp.example.org': [{ name: 'srv.example.net', port: 1 }],
    '_matrix._tcp.example.org': [{ name: 'srv.example.net', port: 2 }],
  }
  const { find } = discovery({ addresses: ADDRESSES, services })
  t.same(await find('example.org'), ['192.0.2.3 1 example.org example.org'])
})

t.test('step 5: or the old one', async t => {
  const services = { '_matrix._tcp.example.org': [{ name: 'srv.example.net', port: 2 }] }
  const { find } = discovery({ addresses: ADDRESSES, services })
  t.same(await find('example.org'), ['192.0.2.3 2 example.org example.org'])
})

t.test('step 6: or the name itself on 8448', async t => {
  const { find } = discovery({ addresses: ADDRESSES })
  t.same(await find('example.org'), ['192.0.2.1 8448 example.org example.org'])
})

t.test('services are tried in the order of their priority, and one that is none is left out', async t => {
  const addresses = { ...ADDRESSES, b: ['192.0.2.5'], c: ['192.0.2.6'] }
  const services = {
    '_matrix-fed._tcp.example.org': [
      { name: '.', port: 1, priority: 0 },
      { name: 'c', port: 3, priority: 20 },
      { name: 'b', port: 2, priority: 10, weight: 1 },
      { name: 'srv.example.net', port: 1, priority: 10, weight: 5 },
    ],
  }
  const { find } = discovery({ addresses, services })
  t.match(await find('example.org'), [/^192.0.2.3 1 /, /^192.0.2.5 2 /, /^192.0.2.6 3 /])
})

for (const [what, page] of [
  ['is no JSON', { body: '<html>' }],
  ['names no server', { body: '{"m.server":"https://matrix.example.org"}' }],
  ['is something else than text', { body: '{"m.server":5}' }],
  ['is an error', { status: 404, body: '{"m.server":"matrix.example.org"}' }],
  ['redirects to nowhere', { status: 302 }],
  ['redirects to plain HTTP', { status: 302, headers: { location: 'http://matrix.example.org/' } }],
  ['redirects to a private address', { status: 302, headers: { location: 'https://10.0.0.1/' } }],
  [
    'redirects to a name with a private address',
    { status: 302, headers: { location: 'https://lan.example/' } },
  ],
  ['redirects to a password', { status: 302, headers: { location: 'https://a:b@matrix.example.org/' } }],
  ['redirects to itself for ever', { status: 302, headers: { location: WELL_KNOWN } }],
] as const) {
  t.test(`a .well-known that ${what} delegates nothing`, async t => {
    const addresses = { ...ADDRESSES, 'lan.example': ['10.0.0.2'] }
    const { find, asked } = discovery({ addresses, pages: { [WELL_KNOWN]: page } })
    t.same(await find('example.org'), ['192.0.2.1 8448 example.org example.org'])
    t.ok(asked.length <= 6, 'and is not followed for long')
    t.ok(
      asked.every(line => line.startsWith('192.0.2.1 443 ')),
      'nor to where nobody may look',
    )
  })
}

t.test('a redirect of .well-known is followed, with its own name looked up and checked', async t => {
  const there = 'https://matrix.example.org/there?x=1'
  const { find, asked } = discovery({
    addresses: ADDRESSES,
    pages: {
      [WELL_KNOWN]: { status: 301, headers: { location: '/here' } },
      'https://example.org/here': { status: 308, headers: { location: there } },
      [there]: { body: '{"m.server":"192.0.2.9:1"}' },
    },
  })
  t.same(await find('example.org'), ['192.0.2.9 1 - 192.0.2.9:1'])
  t.same(asked.at(-1), `192.0.2.2 443 matrix.example.org ${there}`)
})

for (const [what, name, internet] of [
  ['a server that is a private address', '10.0.0.1', {}],
  ['a private address in IPv6', '[::ffff:10.0.0.1]:80', {}],
  [
    'a name with a private address',
    'lan.example:443',
    { addresses: { 'lan.example': ['10.0.0.1', 'fc00::1'] } },
  ],
  [
    'a delegation to a private address',
    'example.org',
    { addresses: ADDRESSES, pages: DELEGATES('10.0.0.1') },
  ],
  [
    'a delegation to a name with a private address',
    'example.org',
    { addresses: { ...ADDRESSES, lan: ['10.0.0.1'] }, pages: DELEGATES('lan') },
  ],
  [
    'a service with a private address',
    'example.org',
    {
      addresses: { ...ADDRESSES, lan: ['10.0.0.1'] },
      services: { '_matrix-fed._tcp.example.org': [{ name: 'lan', port: 22 }] },
    },
  ],
  [
    'a service that is an address itself',
    'example.org',
    { addresses: ADDRESSES, services: { '_matrix-fed._tcp.example.org': [{ name: '10.0.0.1', port: 22 }] } },
  ],
] as const) {
  t.test(`${what} is never asked`, async t => {
    const { find, asked } = discovery(internet)
    t.match(await find(name), /leads to a private address$/)
    t.notOk(asked.some(line => /^(10|fc00)/.test(line)))
  })
}

t.test('of several addresses only those are used that are not private', async t => {
  const { find } = discovery({ addresses: { 'mixed.example': ['10.0.0.1', '192.0.2.1'] } })
  t.same(await find('mixed.example:1'), ['192.0.2.1 1 mixed.example mixed.example:1'])
})

t.test('a name with hundreds of addresses is tried a few times only', async t => {
  const many = Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`)
  const { find } = discovery({ addresses: { 'many.example': many } })
  t.equal((await find('many.example:1')).length, 4)
})

t.test('names that lead nowhere are told apart', async t => {
  const { find } = discovery({})
  t.equal(await find('nobody.example'), 'the name nobody.example has no address')
  t.equal(await find('broken.example'), 'the name broken.example cannot be looked up')
})

for (const [what, headers, hours, again] of [
  ['a day by default', {}, 23, false],
  ['no longer than a day by default', {}, 25, true],
  ['as long as it asks', { 'cache-control': 'public, max-age=7200' }, 1, false],
  ['no longer than it asks', { 'cache-control': 'max-age=7200' }, 3, true],
  ['at most two days', { 'cache-control': 'max-age=999999999' }, 49, true],
  [
    'until it expires',
    { date: 'Sun, 06 Nov 1994 08:00:00 GMT', expires: 'Sun, 06 Nov 1994 10:00:00 GMT' },
    3,
    true,
  ],
] as const) {
  t.test(`.well-known is remembered ${what}`, async t => {
    const { find, asked, pass } = discovery({ addresses: ADDRESSES, pages: DELEGATES('192.0.2.9', headers) })
    await find('example.org')
    pass(hours)
    await find('example.org')
    t.equal(asked.length, again ? 2 : 1)
  })
}

t.test('a .well-known that is not there is not asked for each time', async t => {
  const { find, asked, pass } = discovery({ addresses: ADDRESSES })
  await find('example.org')
  await find('example.org')
  t.equal(asked.length, 1)
  pass(1)
  await find('example.org')
  t.equal(asked.length, 2)
})

t.test('what was given up for lack of time is not remembered', async t => {
  const pages = DELEGATES('192.0.2.9')
  const { asked } = discovery({})
  const end = new AbortController()
  let open = true
  const names: NameResolver = {
    addresses: async () => [parseIp('192.0.2.1')!],
    services: async () => [],
  }
  const get: Get = async (_target, _path) => {
    if (!open) return { kind: 'answer', status: 200, header: () => undefined, body: pages[WELL_KNOWN]!.body }
    end.abort()
    return { kind: 'failed', why: { key: 'exchange.late' }, unreached: true }
  }
  const found = new Discovery(
    names,
    get,
    () => true,
    () => 0 as Time,
  )
  const server = parseServerName('example.org')!
  await found.find(server, end.signal)
  open = false
  const later = await found.find(server, new AbortController().signal)
  t.match(later, { targets: [{ host: '192.0.2.9' }] })
  t.same(asked, [])
})
