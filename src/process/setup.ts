import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { address, formatIp, parseIp } from '../base/address.ts'
import { SetupDoor, type SetupDoorParts } from '../control/setup/setup-door.ts'
import type { SetupFacts, SetupState } from '../control/setup/setup-shapes.ts'
import { closeServer, listenOn } from '../http/server.ts'
import { ownAddresses } from '../net/kernel/machine.ts'
import { scopeOf } from '../net/ports/relay-addresses.ts'

const PAGES = fileURLToPath(new URL('../../dist/console/', import.meta.url))
/** Milliseconds that somebody may take for the answers, and the page for showing how it ended. */
const PATIENCE = 3_600_000
const LAST_WORD = 30_000

export type SetupParts = Pick<SetupDoorParts, 'facts' | 'write'> & {
  /** Port of the page on loopback; another one where it is taken. */
  readonly port: number
  readonly pages?: string
}

/** The set-up page while it is open. */
export interface OpenSetup {
  readonly url: string
  /** Resolves with true when the configuration has been written, with false when nobody came in time. */
  readonly written: Promise<boolean>
  /** Tells the page how it ended. */
  end(state: SetupState): void
  /** Closes it when the page has shown that, or does not ask any more. */
  close(): Promise<void>
}

/** Serves the set-up page on loopback. */
export async function openSetup({ port, facts, write, pages = PAGES }: SetupParts): Promise<OpenSetup> {
  let settle: (isWritten: boolean) => void = () => {}
  const written = new Promise<boolean>(resolve => {
    settle = resolve
  })
  let told: () => void = () => {}
  const shown = new Promise<void>(resolve => {
    told = resolve
  })
  const door = new SetupDoor({
    facts,
    pages,
    write: answers => {
      const result = write(answers)
      // The answer leaves before the relay takes its time to start.
      if (result.ok) setImmediate(() => settle(true))
      return result
    },
    told: () => told(),
    fault: error => {
      throw error
    },
  })
  const listen = (at: number) => listenOn(door.server, address(parseIp('127.0.0.1')!, at))
  await listen(port).catch(() => listen(0))
  const late = setTimeout(() => settle(false), PATIENCE)
  const bound = (door.server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${bound}/#${door.token}`,
    written: written.finally(() => clearTimeout(late)),
    end: state => {
      door.state = state
    },
    close: async () => {
      let timer: NodeJS.Timeout | undefined
      await Promise.race([shown, new Promise(resolve => (timer = setTimeout(resolve, LAST_WORD).unref()))])
      clearTimeout(timer)
      closeServer(door.server)
    },
  }
}

/** Where this machine seems to be: behind a router, or on the Internet itself. */
export function placeOfMachine(): Pick<SetupFacts, 'place' | 'addresses'> {
  const reachable = ownAddresses().filter(ip => ['public', 'private', 'cgnat'].includes(scopeOf(ip)))
  const isPublic = reachable.some(ip => ip.length === 4 && scopeOf(ip) === 'public')
  return { place: isPublic ? 'public' : 'home', addresses: reachable.map(formatIp) }
}
