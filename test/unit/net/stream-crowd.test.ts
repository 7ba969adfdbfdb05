import t, { type Test } from 'tap'
import { type Client, StreamWorld, stunFrame } from './stream-world.ts'

const MANY = 200
/** Events of connections that may come before others have their turn. */
const A_TURN = 8

t.test('S-14: while many connections hang up, others have their turn after every few', async t => {
  const { world, clients } = await crowd(t)
  let turns = 0
  let told = 0
  let most = 0
  world.between = () => {
    turns++
    most = Math.max(most, world.inbox.hangups.length - told)
    told = world.inbox.hangups.length
  }
  for (const client of clients) client.socket.destroy()
  await world.inbox.until(() => world.inbox.hangups.length === MANY)
  t.ok(most <= A_TURN, `${most} hang-ups in a row`)
  t.ok(turns >= MANY / A_TURN, `${turns} turns of others`)
})

t.test('S-14: while many connections send, others have their turn after every few', async t => {
  const { world, clients } = await crowd(t)
  let told = world.inbox.all.length
  let most = 0
  world.between = () => {
    most = Math.max(most, world.inbox.all.length - told)
    told = world.inbox.all.length
  }
  for (const client of clients) client.write(stunFrame(2))
  await world.inbox.some(2 * MANY)
  t.ok(most <= A_TURN, `${most} frames in a row`)
})

t.test('S-14: connections whose time is up end a few in each turn, and all in the end', async t => {
  const { world } = await crowd(t)
  const ended: number[] = []
  const turn = () => {
    ended.push(world.inbox.hangups.length)
    if (world.streams.open > 0) setImmediate(turn)
  }
  world.advance(61)
  turn()
  await world.empty()
  t.equal(world.inbox.hangups.length, MANY)
  const most = Math.max(...ended.map((count, i) => count - (ended[i - 1] ?? 0)))
  // Connections close a turn after they are ended, so that two turns' worth may be told in one.
  t.ok(most <= 64, `${most} in one turn of the event loop`)
})

t.test('S-14: an allocation that opens or ends looks at its own connection only', async t => {
  const { world } = await crowd(t)
  const [first, second] = world.inbox.all
  world.streams.keepClient(first!.from, true)
  world.advance(61)
  await world.inbox.until(() => world.inbox.hangups.length === MANY - 1)
  t.notOk(world.inbox.hangups.includes(first!.socket), 'the one with an allocation stays')
  world.streams.keepClient(second!.from, true)
  world.streams.keepClient(first!.from, false)
  world.advance(61)
  await world.empty()
  t.equal(world.inbox.hangups.length, MANY)
})

/** Many connections that have each sent a frame. */
async function crowd(t: Test): Promise<{ world: StreamWorld; clients: Client[] }> {
  const world = new StreamWorld(t, { connections: 2 * MANY, connectionsPerAddress: 2 * MANY })
  const at = await world.listen()
  const clients: Client[] = []
  for (let i = 0; i < MANY; i++) {
    clients.push(await world.client(at))
    clients.at(-1)!.write(stunFrame(1))
  }
  await world.inbox.some(MANY)
  return { world, clients }
}
