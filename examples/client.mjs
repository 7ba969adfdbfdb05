// Relays a datagram to a peer through any TURN server:
// node client.mjs turn:turn.example.org:3478 USERNAME PASSWORD PEER-ADDRESS PEER-PORT
import { once } from 'node:events'
import { connect, TurnRejected } from 'taciturn/client'

const [uri, username, credential, address, port] = process.argv.slice(2)
const peer = { address, port: Number(port) }
const client = await connect(uri, { username, credential })
try {
  const { relayed, lifetime } = await client.allocate()
  console.log(`relayed by ${relayed[0].address}:${relayed[0].port} for ${lifetime} s`)
  await client.permit(peer)
  client.send(peer, Buffer.from('hello'))
  const [answer] = await once(client, 'data', { signal: AbortSignal.timeout(5000) })
  console.log(`the peer answered: ${answer}`)
} catch (error) {
  if (!(error instanceof TurnRejected)) throw error
  console.error(`refused: ${error.status} ${error.reason}`)
  process.exitCode = 1
} finally {
  await client.close()
}
