import t from 'tap'
import { type Address, address, parseAddress } from '../../../src/base/address.ts'
import type { Seconds, Time } from '../../../src/base/time.ts'
import { Nonces } from '../../../src/core/trust/nonce.ts'
import { random } from '../../../src/relay/relay-config.ts'

const COUNT = 10_000
const NOW = 1_800_000_000_000 as Time
const HERE = parseAddress('192.0.2.1:5000')!
/** Octets of a nonce behind its cookie: four say when, eight are the MAC. */
const COOKIE = 13
const STAMP = 4

t.test(
  'ten thousand nonces tell nothing of the next, to one client in time or to many at once [SEC-07]',
  t => {
    const nonces = new Nonces(random, 600 as Seconds)
    const inTime = Array.from({ length: COUNT }, (_, i) => nonces.make(HERE, 0, (NOW + i * 1000) as Time))
    const atOnce = Array.from({ length: COUNT }, (_, i) => nonces.make(client(i), 0, NOW))
    for (const [what, made] of [
      ['in time', inTime],
      ['at once', atOnce],
    ] as const) {
      const macs = made.map(nonce => Buffer.from(nonce.slice(COOKIE), 'base64url').subarray(STAMP))
      t.equal(new Set(macs.map(mac => mac.toString('hex'))).size, COUNT, `none twice ${what}`)
      // Six standard deviations of a fair coin: once in five hundred million bits.
      const most = 6 * Math.sqrt(COUNT / 4)
      for (let bit = 0; bit < 64; bit++) {
        const ones = macs.filter(mac => (mac[bit >> 3]! >> (bit & 7)) & 1).length
        if (Math.abs(ones - COUNT / 2) > most) t.fail(`bit ${bit} is set in ${ones} nonces ${what}`)
        const kept = macs.filter((mac, i) => i > 0 && sameBit(mac, macs[i - 1]!, bit)).length
        if (Math.abs(kept - COUNT / 2) > most)
          t.fail(`bit ${bit} follows the one before in ${kept} nonces ${what}`)
      }
    }
    t.end()
  },
)

t.test('two starts share no key: a nonce of the one is stale to the other [SEC-07, OPS-24]', t => {
  const [one, other] = [new Nonces(random, 600 as Seconds), new Nonces(random, 600 as Seconds)]
  const nonce = one.make(HERE, 0, NOW)
  t.ok(one.isFresh(nonce, HERE, NOW))
  t.notOk(other.isFresh(nonce, HERE, NOW))
  t.end()
})

t.test('the source of randomness fills all of what it is given, differently each time [SEC-07]', t => {
  const seen = new Set<string>()
  for (let i = 0; i < 1000; i++) {
    const octets = Buffer.alloc(16)
    random(octets)
    seen.add(octets.toString('hex'))
  }
  t.equal(seen.size, 1000)
  t.end()
})

function client(i: number): Address {
  return address(Uint8Array.of(198, 51, i >> 8, i & 255), 5000)
}

function sameBit(a: Buffer, b: Buffer, bit: number): boolean {
  return (((a[bit >> 3]! ^ b[bit >> 3]!) >> (bit & 7)) & 1) === 0
}
