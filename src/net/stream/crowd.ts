import { CUSTOMERS_OF_NETWORK, customerKey } from '../../limits/customer.ts'

/** Whose share of the connections is used up, if anybody's. */
export type Entered = 'in' | 'customer-full' | 'network-full' | 'all-full'

/** How many connections there may be, and who has them. */
export interface Gathering {
  /** Counts a connection, unless that would be more than its customer, its network or all together may have. */
  enter(ip: Uint8Array): Entered
  leave(ip: Uint8Array): void
  /** Changes the limits. Those who are in stay. A network may have four times what a customer may. */
  limit(most: number, mostEach: number): void
}

/** Counts connections, in all, by customer and by network. */
export class Crowd implements Gathering {
  #most: number
  #mostEach: number
  readonly #customers = new Map<number | string, number>()
  readonly #networks = new Map<number | string, number>()
  #all = 0

  constructor(most: number, mostEach: number) {
    this.#most = most
    this.#mostEach = mostEach
  }

  enter(ip: Uint8Array): Entered {
    const customer = customerKey(ip)
    const network = customerKey(ip, 'network')
    const ofCustomer = this.#customers.get(customer) ?? 0
    const ofNetwork = this.#networks.get(network) ?? 0
    if (ofCustomer >= this.#mostEach) return 'customer-full'
    if (ofNetwork >= this.#mostEach * CUSTOMERS_OF_NETWORK) return 'network-full'
    if (this.#all >= this.#most) return 'all-full'
    this.#all++
    this.#customers.set(customer, ofCustomer + 1)
    this.#networks.set(network, ofNetwork + 1)
    return 'in'
  }

  leave(ip: Uint8Array): void {
    this.#all--
    takeOff(this.#customers, customerKey(ip))
    takeOff(this.#networks, customerKey(ip, 'network'))
  }

  limit(most: number, mostEach: number): void {
    this.#most = most
    this.#mostEach = mostEach
  }
}

function takeOff(counts: Map<number | string, number>, key: number | string): void {
  const left = (counts.get(key) ?? 1) - 1
  if (left === 0) counts.delete(key)
  else counts.set(key, left)
}
