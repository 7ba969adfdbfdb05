import type { Address } from '../../base/address.ts'
import { readProxyHeader } from '../proxy/proxy-header.ts'
import type { StreamConnection } from './connection.ts'
import { PROXY_MISSING, proxyMalformed, type Unserved } from './unserved.ts'

/** The proxy has said whose it is, or nobody's but its own. `rest` is what came behind. */
type Announced = (client: Address | undefined, rest: Buffer) => void

export interface AnnouncementsParts {
  readonly refuse: (connection: StreamConnection, unserved: Unserved) => void
}

/** Waits for the PROXY headers by which trusted proxies say whose connection it is. */
export class Announcements {
  readonly #parts: AnnouncementsParts

  constructor(parts: AnnouncementsParts) {
    this.#parts = parts
  }

  await(connection: StreamConnection, announced: Announced): void {
    connection.sort()
    this.#wait(connection, announced, Buffer.alloc(0))
  }

  /** What has come is bounded by what a header may be long, and so is the work of reading it anew. */
  #wait(connection: StreamConnection, announced: Announced, before: Buffer): void {
    connection.raw.once('data', chunk => this.#read(connection, announced, Buffer.concat([before, chunk])))
  }

  #read(connection: StreamConnection, announced: Announced, bytes: Buffer): void {
    const reading = readProxyHeader(bytes)
    switch (reading.kind) {
      case 'more':
        this.#wait(connection, announced, bytes)
        return
      case 'none':
        this.#parts.refuse(connection, PROXY_MISSING)
        return
      case 'malformed':
        this.#parts.refuse(connection, proxyMalformed(reading.detail))
        return
      case 'header':
        connection.uniqueId = reading.uniqueId
        announced(reading.client, bytes.subarray(reading.length))
    }
  }
}
