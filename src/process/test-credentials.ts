import { randomBytes } from 'node:crypto'
import { password } from '../auth/shared-secret.ts'
import type { Settings, Testing } from '../config/settings.ts'
import type { TestRunsParts } from '../control/tests/test-runs.ts'
import { offeredUris } from '../homeserver/synapse-lines.ts'
import { wallTime } from '../system/clock.ts'

/** What all tests together may have at a time: eight, of a pair of allocations over each way, at 1 Mbit/s. */
const ALLOCATIONS = 64
const BYTES_PER_SECOND = 1_000_000

/** Makes what users of the test page sign with; it ends with the process. No homeserver's name holds a space. */
export function freshTesting(): Testing {
  return {
    tenant: 'test page',
    secret: randomBytes(32).toString('hex'),
    allocations: ALLOCATIONS,
    bitrate: BYTES_PER_SECOND,
  }
}

/** What the tests need of the relay. `host` is the name that the relay tells clients to use. */
export function testParts(
  settings: { readonly current: Settings },
  { secret }: Testing,
  host: () => string,
): TestRunsParts {
  return {
    realm: settings.current.realm,
    uris: () => {
      // Names that the operator chose for clients lead here; the realm may only look like one.
      const chosen = settings.current.homeservers.find(({ uris }) => uris)?.uris
      return chosen ?? offeredUris(host(), settings.current)
    },
    credential: (user, seconds) => {
      const expiry =
        Math.floor(wallTime() / 1000) + Math.min(seconds, settings.current.credentials.maxLifetime)
      const username = `${expiry}:${user}`
      return { username, password: password(Buffer.from(secret, 'utf8'), username) }
    },
  }
}
