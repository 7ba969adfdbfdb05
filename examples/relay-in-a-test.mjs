// A relay inside a test: started on free ports, two clients talk to each other through it, and nothing is left.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { startRelay } from 'taciturn'
import { connect } from 'taciturn/client'

const relay = await startRelay({
  configuration: {
    realm: 'example.org',
    listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0'],
    relay: { addresses: ['127.0.0.1'] },
  },
})

const { urls, username, credential } = relay.credential({ user: 'alice' })
for (const url of urls) {
  const alice = await connect(url, { username, credential })
  const bob = await connect(url, relay.credential({ user: 'bob' }))
  const [atAlice] = (await alice.allocate()).relayed
  const [atBob] = (await bob.allocate()).relayed
  await alice.bindChannel(atBob)
  await bob.permit(atAlice)

  alice.send(atBob, Buffer.from('hello'))
  const [text, from] = await once(bob, 'data')

  assert.equal(text.toString(), 'hello')
  assert.deepEqual(from, atAlice)
  console.log(`${url}: ${atAlice.address}:${atAlice.port} said ${text}`)
  await Promise.all([alice.close(), bob.close()])
}

assert.equal(relay.allocations, 0)
await relay.stop()
