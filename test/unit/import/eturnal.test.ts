import t from 'tap'
import { formatRange } from '../../../src/base/range.ts'
import { formatListener } from '../../../src/config/values/listener.ts'
import { importText } from '../../support/imported.ts'

const read = (text: string) => importText(text, 'eturnal.yml')
const fates = (text: string) => read(text).entries.map(({ key, fate }) => [key, fate])

t.test('values are told by their paths and lines', async t => {
  const { entries } = read(
    '\uFEFFeturnal:\r\n  secret: one\r\n  listen:\r\n    - port: 3479\r\n      transport: tcp\r\n',
  )
  t.same(
    entries.map(({ key, line }) => [key, line]),
    [
      ['secret', 2],
      ['listen[0].port', 4],
      ['listen[0].transport', 5],
    ],
  )
})

t.test('a secret of digits stays as it is written', async t => {
  t.same(read('eturnal:\n  secret: [00123456789012345678901, 0x1f, "quoted", yes]').draft.secrets, [
    '00123456789012345678901',
    '0x1f',
    'quoted',
    'yes',
  ])
})

t.test('without listeners those of eturnal are taken: UDP and TCP on 3478', async t => {
  t.same(read('eturnal: { secret: one }').draft.listen.map(formatListener), [
    'udp://0.0.0.0:3478',
    'udp://[::]:3478',
    'tcp://0.0.0.0:3478',
    'tcp://[::]:3478',
  ])
})

t.test('listeners that only answer Binding, or stand behind PROXY, are left out and said to be', async t => {
  const { draft, entries } = read(
    'eturnal:\n  listen:\n    - {ip: 192.0.2.1, enable_turn: false}\n    - {ip: 192.0.2.1, transport: tcp, proxy_protocol: true}\n',
  )
  t.same(draft.listen, [])
  t.same(
    entries.filter(({ fate }) => fate === 'unsupported').map(({ key }) => key),
    ['listen[0].enable_turn', 'listen[1].proxy_protocol'],
  )
  t.ok(draft.todo.some(({ key }) => key === 'todo-listen'))
})

t.test('TLS without a certificate, which eturnal makes up, needs a real one', async t => {
  const { draft } = read(
    'eturnal:\n  secret: one\n  listen: [{ip: 192.0.2.1, transport: tls}, {ip: 192.0.2.1}]',
  )
  t.same(draft.listen.map(formatListener), ['udp://192.0.2.1:3478'])
  t.match(draft.todo, [{ key: 'todo-certificate' }])
})

t.test('exceptions are cut out of what is denied', async t => {
  const { draft } = read(
    'eturnal:\n  blacklist: [recommended, 45.0.0.0/24]\n  whitelist_peers: [45.0.0.0/25, 10.0.0.0/8, 8.8.8.8]\n',
  )
  t.same(draft.deny.map(formatRange), ['45.0.0.128/25'])
  t.same(draft.allow.map(formatRange), ['10.0.0.0/8'])
  t.ok(draft.remarks.some(({ key }) => key === 'client-lists'))
})

t.test('OW-11: lists of clients are taken over, with holes where an exception was', async t => {
  const { draft } = read(
    'eturnal:\n  blacklist_clients: [45.0.0.0/24, "2001:db8::/32"]\n  whitelist_clients: [45.0.0.0/25]\n',
  )
  t.same(draft.deniedClients.map(formatRange), ['45.0.0.128/25', '2001:db8::/32'])
})

t.test('unknown keys, modules and fields are told, at every depth', async t => {
  t.same(
    fates(
      'eturnal:\n  sercet: x\n  modules: {mod_stats_influxx: {port: 1}}\n  listen: [{prot: 1}]\nejabberd: 1\n',
    ),
    [
      ['sercet', 'unknown'],
      ['modules.mod_stats_influxx.port', 'unknown'],
      ['listen[0].prot', 'unknown'],
      ['ejabberd', 'unknown'],
    ],
  )
})
