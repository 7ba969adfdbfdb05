import { ipKey } from '../base/address.ts'

/** A port of this machine that the router is to pass on, under the same number. */
export interface MappedPort {
  readonly transport: 'udp' | 'tcp'
  readonly port: number
}

/** What a router is asked. */
export interface RouterRequest {
  /** Nothing: the public address. */
  readonly port: MappedPort | undefined
  /** Seconds; 0 ends the mapping. */
  readonly lifetime: number
}

/** Why a router maps nothing, or not this; each is a text of the catalogue. */
export type Refusal = 'refused' | 'network' | 'resources' | 'unsupported' | 'anotherNat' | 'taken' | 'failed'

/** What a router says, whichever protocol it says it in. `epoch`: seconds that it has kept its table of mappings. */
export type RouterAnswer =
  | {
      readonly kind: 'mapped'
      readonly port: MappedPort
      /** The port outside, and the address where the protocol names it along with that. */
      readonly outside: { readonly port: number; readonly ip?: Uint8Array }
      /** Seconds; 0 where the mapping is gone. */
      readonly lifetime: number
      readonly epoch: number
    }
  | { readonly kind: 'address'; readonly ip: Uint8Array; readonly epoch: number }
  | {
      readonly kind: 'refused'
      readonly why: Refusal
      /** The number that stands for it in the protocol. */
      readonly code: number
      /** What was refused; nothing where the router does not say. */
      readonly of: MappedPort | 'address' | undefined
      /** Seconds for which it is not worth asking again; 0 where the router does not say. */
      readonly lifetime: number
      readonly epoch: number
    }
  /** It does not speak this version of the protocol, or none at all. */
  | { readonly kind: 'otherVersion'; readonly version: number }

/** How ports are asked for: PCP or NAT-PMP, as octets. */
export interface MappingDialect {
  /** True where the public address has to be asked for by itself. */
  readonly asksAddress: boolean
  /** Asks for a mapping, or with a lifetime of 0 seconds for its end. */
  map(port: MappedPort, lifetime: number): Uint8Array
  /** Asks for the public address, where that has to be asked for. */
  address(): Uint8Array
  /** Reads an answer; undefined for what is none to a request of ours. */
  read(datagram: Uint8Array): RouterAnswer | undefined
}

/** A request as octets. */
export function requestOctets(dialect: MappingDialect, { port, lifetime }: RouterRequest): Uint8Array {
  return port ? dialect.map(port, lifetime) : dialect.address()
}

export function mappedPortKey({ transport, port }: MappedPort): string {
  return `${transport} ${port}`
}

/** True for two addresses that are the same, or both unknown. */
export function isSameIp(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && ipKey(a) === ipKey(b))
}
