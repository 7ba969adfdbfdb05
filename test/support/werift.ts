import timers from 'node:timers/promises'
import type { Test } from 'tap'
import { createTurnClient, type TurnProtocol } from 'werift-ice'
import type { Credential } from './credentials.ts'

// A werift client waits minutes for its next Refresh, on a timer that outlives close(). It must not hold the test's process.
const wait = timers.setTimeout
timers.setTimeout = (delay, value, options) => wait(delay, value, { ...options, ref: false })

export type Transport = 'udp' | 'tcp' | 'tls'

/** Allocates with a werift client, which is closed when the test ends. */
export async function connect(
  t: Test,
  address: readonly [string, number],
  credential: Credential,
  transport: Transport = 'udp',
): Promise<TurnProtocol> {
  const client = await createTurnClient(
    { address, ...credential },
    { transport, tlsOptions: { rejectUnauthorized: false } },
  )
  t.teardown(() => client.close())
  return client
}

/** Resolves with the next payload that the client takes from any peer, and with that peer. */
export function next(client: TurnProtocol): Promise<readonly [Buffer, readonly [string, number]]> {
  return new Promise(resolve => client.onData.once((data, from) => resolve([data, from])))
}

/** Lets `from` send `text` to `to` and resolves with what arrived there; the permission is taken care of. */
export async function tell(from: TurnProtocol, to: TurnProtocol, text: string): Promise<string> {
  await to.getPermission(from.relayedAddress)
  const heard = next(to)
  await from.sendData(Buffer.from(text), to.relayedAddress)
  return (await heard)[0].toString()
}
