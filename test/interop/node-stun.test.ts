import stun from 'node-stun'
import t, { type Test } from 'tap'
import { startRelay } from '../support/relay.ts'
import { ask, bindingRequest, mappedPort } from '../support/stun.ts'

t.test('a classic client learns its mapped address when RFC 3489 is switched on [STUN-3489-01]', async t => {
  const relay = await startRelay({ settings: { protocol: { classicStun: true } } })
  t.teardown(() => relay.stop())

  const mapped = await discover(t, relay.port, 10_000)

  t.equal(mapped?.address, '127.0.0.1')
  t.ok(mapped!.port > 0)
})

t.test('a classic client hears nothing by default [STUN-HDR-02] [STUN-3489-02]', async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())

  t.equal(await discover(t, relay.port, 1500), undefined)

  const answer = await ask(relay.port, bindingRequest(), 5000)
  t.ok(answer && mappedPort(answer), 'while a request with the cookie is answered')
})

/** The mapped address that node-stun's client finds, or undefined when it found none in `patience` milliseconds. */
async function discover(
  t: Test,
  port: number,
  patience: number,
): Promise<{ address: string | 0; port: number } | undefined> {
  const client = stun.createClient()
  client.setLocalAddr('127.0.0.1')
  client.setServerAddr('127.0.0.1', port)
  // It goes on to ask CHANGED-ADDRESS, which a relay with one address has not got; the first answer is what counts.
  client.start(() => undefined)
  t.teardown(async () => {
    clearInterval(client._intervalId)
    await new Promise<void>(resolve => client.close(resolve))
  })
  return new Promise(resolve => {
    const finish = (mapped: { address: string | 0; port: number } | undefined) => {
      clearInterval(look)
      clearTimeout(end)
      resolve(mapped)
    }
    const look = setInterval(() => {
      const mapped = client.getMappedAddr()
      if (mapped.port !== 0) finish(mapped)
    }, 20)
    const end = setTimeout(() => finish(undefined), patience)
  })
}
