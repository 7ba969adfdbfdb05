import type { Address } from '../../src/base/address.ts'
import type { SimNet } from './sim-net.ts'

/** Somebody on the network who knows nothing of TURN. */
export class SimPeer {
  readonly address: Address
  /** What arrived, as text. */
  readonly inbox: string[] = []
  /** What arrived, as octets. */
  readonly datagrams: { readonly from: Address; readonly bytes: Buffer }[] = []
  readonly #net: SimNet
  readonly #settle: () => void

  constructor(at: Address, net: SimNet, settle: () => void) {
    this.address = at
    this.#net = net
    this.#settle = settle
    net.attach(at, (from, bytes) => {
      this.inbox.push(bytes.toString())
      this.datagrams.push({ from, bytes })
    })
  }

  send(to: Address, payload: string | Buffer): void {
    this.#net.send(this.address, to, Buffer.from(payload as string))
    this.#settle()
  }
}
