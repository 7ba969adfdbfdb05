import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { mappedPortKey, type RouterAnswer } from '../../../src/mapping/answer.ts'
import { IgdClient } from '../../../src/mapping/upnp/igd-client.ts'
import { FRITZ_BOX } from '../../support/igd-samples.ts'
import { eventually } from '../../support/lifecycle.ts'
import { udp } from '../../support/sim-router.ts'

const LIFETIME = 3600

/** A router at loopback, whose search and service are at ports of their own. */
class Router {
  readonly table = new Map<string, string>()
  readonly heard: string[] = []
  descriptions = 0
  uptime = 100
  isPermanentOnly = false
  fails = 0
  nonsense: string | undefined
  location: string | undefined

  /** The status and body of an answer. */
  answer(name: string, body: string): readonly [number, string] {
    this.heard.push(name)
    const value = (key: string) => new RegExp(`<${key}>(.*?)</${key}>`).exec(body)?.[1] ?? ''
    const key = mappedPortKey({
      transport: value('NewProtocol') === 'TCP' ? 'tcp' : 'udp',
      port: Number(value('NewExternalPort')),
    })
    if (this.nonsense !== undefined) return [200, this.nonsense]
    if (this.fails) return fault(this.fails)
    const done = (inside: string) => [200, `<u:${name}Response>${inside}</u:${name}Response>`] as const
    if (name === 'GetExternalIPAddress') return done('<NewExternalIPAddress>80.1.1.7</NewExternalIPAddress>')
    if (name === 'GetStatusInfo')
      return done(`<NewConnectionStatus>Connected</NewConnectionStatus><NewUptime>${this.uptime}</NewUptime>`)
    if (name === 'AddPortMapping') {
      const lease = value('NewLeaseDuration')
      if (this.isPermanentOnly && lease !== '0') return fault(725)
      this.table.set(key, `${value('NewInternalClient')} ${lease}`)
    } else if (!this.table.has(key)) return fault(714)
    else if (name === 'DeletePortMapping') this.table.delete(key)
    else if (name === 'GetSpecificPortMappingEntry')
      return done(`<NewInternalClient>${this.table.get(key)!.split(' ')[0]}</NewInternalClient>`)
    return done('')
  }
}

function fault(code: number): readonly [number, string] {
  return [500, `<s:Fault><detail><UPnPError><errorCode>${code}</errorCode></UPnPError></detail></s:Fault>`]
}

t.test('a router is found, maps a port, names its address, and takes the mapping back', async t => {
  const { router, client, answers, next } = await scene(t)
  client.ask({ port: udp(50000), lifetime: LIFETIME })
  t.match(await next(), { kind: 'mapped', port: udp(50000), outside: { port: 50000 }, lifetime: LIFETIME })
  t.same([...router.table], [['udp 50000', `127.0.0.1 ${LIFETIME}`]])

  client.ask({ port: undefined, lifetime: LIFETIME })
  client.ask({ port: undefined, lifetime: LIFETIME })
  t.match(await next(), { kind: 'address', ip: Uint8Array.of(80, 1, 1, 7) })
  t.equal(router.heard.filter(name => name === 'GetExternalIPAddress').length, 1, 'asked once at a time')

  for (let i = 0; i < 2; i++) {
    client.ask({ port: udp(50000), lifetime: 0 })
    t.match(await next(), { kind: 'mapped', lifetime: 0 }, 'also where there is none any more')
  }
  t.equal(router.table.size, 0)
  t.equal(router.descriptions, 1, 'described once')
  t.equal(answers.length, 4)
})

t.test('a mapping that another device has taken over counts as lost, and is not taken back', async t => {
  const { router, client, next } = await scene(t)
  const epoch = () => epochOf(client, next)
  client.ask({ port: udp(50000), lifetime: LIFETIME })
  await next()
  const first = await epoch()
  router.table.set('udp 50000', '192.168.1.77 3600')
  t.ok((await epoch()) < first - 10)
  client.ask({ port: udp(50000), lifetime: 0 })
  t.match(await next(), { kind: 'mapped', lifetime: 0 })
  t.same([...router.table], [['udp 50000', '192.168.1.77 3600']])
  t.notOk(router.heard.includes('DeletePortMapping'))
})

t.test('a router that maps without an end only is asked for that', async t => {
  const { router, client, next } = await scene(t)
  router.isPermanentOnly = true
  for (const port of [udp(50000), udp(50001)]) {
    client.ask({ port, lifetime: LIFETIME })
    t.match(await next(), { kind: 'mapped', lifetime: LIFETIME }, 'to be looked at again all the same')
  }
  t.same([...router.table.values()], ['127.0.0.1 0', '127.0.0.1 0'])
  t.equal(router.heard.length, 3, 'refused once')
})

t.test('the epoch falls when the uptime does, and when a mapping has gone', async t => {
  const { router, client, next } = await scene(t)
  const epoch = () => epochOf(client, next)
  client.ask({ port: udp(50000), lifetime: LIFETIME })
  await next()
  const first = await epoch()
  router.uptime += 10
  t.ok((await epoch()) >= first, 'a clock at first')
  router.uptime = 0
  const second = await epoch()
  t.ok(second < first - 10, 'the connection is another one')
  client.ask({ port: udp(50000), lifetime: LIFETIME })
  await next()
  router.table.clear()
  t.ok((await epoch()) < second - 10, 'the table has been lost')
})

/** Asks for the public address, with which the router's epoch comes. */
async function epochOf(client: IgdClient, next: () => Promise<RouterAnswer>): Promise<number> {
  client.ask({ port: undefined, lifetime: LIFETIME })
  const answer = await next()
  return 'epoch' in answer ? answer.epoch : Number.NaN
}

t.test('what a router refuses is told with its code', async t => {
  const { router, client, next } = await scene(t)
  for (const [fails, why] of [
    [718, 'taken'],
    [606, 'refused'],
    [501, 'failed'],
  ] as const) {
    router.fails = fails
    client.ask({ port: udp(50000), lifetime: LIFETIME })
    t.match(await next(), { kind: 'refused', why, code: fails, of: udp(50000) })
  }
})

t.test(
  'a router that answers no search, or only with the address of another, is told to be missing',
  async t => {
    for (const location of ['http://127.0.0.2:1/igddesc.xml', undefined]) {
      const { router, client, answers, missing } = await scene(t)
      router.location = location
      client.ask({ port: udp(50000), lifetime: LIFETIME })
      t.ok(await eventually(() => missing.length === 1))
      t.same(answers, [])
      t.equal(router.descriptions, 0)
    }
  },
)

t.test('a router whose answers make no sense is silent, and is found again when they do', async t => {
  const { router, client, answers, next } = await scene(t)
  const asked = () => router.heard.length
  // The same is not asked while the one before is.
  const again = setInterval(() => client.ask({ port: udp(50000), lifetime: LIFETIME }), 50)
  t.teardown(() => clearInterval(again))
  for (const nonsense of ['', '<', 'x'.repeat(100_000), '<!DOCTYPE a>']) {
    router.nonsense = nonsense
    const before = asked()
    t.ok(await eventually(() => asked() > before), 'asked')
  }
  t.same(answers, [])
  router.nonsense = undefined
  t.match(await next(), { kind: 'mapped' })
  clearInterval(again)
})

t.test('a client that is closed hears nothing more', async t => {
  const { client, answers, missing, router } = await scene(t)
  client.ask({ port: udp(50000), lifetime: LIFETIME })
  client.close()
  client.ask({ port: udp(50001), lifetime: LIFETIME })
  await new Promise(resolve => setImmediate(resolve))
  t.same([answers, missing, router.heard], [[], [], []])
})

async function scene(t: Test) {
  const router = new Router()
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (request.method === 'GET') {
      router.descriptions++
      response.end(FRITZ_BOX.description)
      return
    }
    const [status, answer] = router.answer(/#(\w+)"$/.exec(`${request.headers.soapaction}`)?.[1] ?? '', body)
    response.writeHead(status).end(answer)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  router.location = `http://127.0.0.1:${(server.address() as AddressInfo).port}/igddesc.xml`
  const socket = createSocket('udp4')
  socket.on('message', (_, { port, address }) => {
    if (router.location === undefined) return
    const found = FRITZ_BOX.found.replace(/http:\S+/, router.location)
    socket.send(found, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  const answers: RouterAnswer[] = []
  const missing: true[] = []
  const client = new IgdClient({
    gateway: '127.0.0.1',
    local: '127.0.0.1',
    searchPort: socket.address().port,
    now: () => performance.now(),
    answered: answer => answers.push(answer),
    missing: () => missing.push(true),
  })
  t.teardown(() => client.close())
  let read = 0
  const next = async () => {
    await eventually(() => answers.length > read)
    return answers[read++]!
  }
  return { router, client, answers, missing, next }
}
