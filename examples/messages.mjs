// Writes and reads STUN messages without a socket.
import { randomBytes } from 'node:crypto'
import { address, get, MessageWriter, Method, parse, SOFTWARE, XOR_MAPPED_ADDRESS } from 'taciturn/stun'

const transaction = randomBytes(12)
const request = new MessageWriter('request', Method.Binding, transaction).fingerprint().finish()
console.log(`a Binding request has ${request.length} octets`)

const answer = new MessageWriter('success', Method.Binding, transaction)
  .set(XOR_MAPPED_ADDRESS, address(Uint8Array.of(198, 51, 100, 4), 40_000))
  .set(SOFTWARE, 'an example')
  .fingerprint()
  .finish()
const message = parse(answer)
if (message.kind === 'malformed') throw new Error(message.why)
const mapped = get(message, XOR_MAPPED_ADDRESS)
console.log(`mapped to port ${mapped.port}, says ${get(message, SOFTWARE)}`)
