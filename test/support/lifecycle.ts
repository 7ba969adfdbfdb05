import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Calls } from './calls.ts'
import { type RunningRelay, startRelay } from './relay.ts'

/** Where every relay of this run of the suite leaves its log: test files of one run have one parent. */
export const LOGS = (process.env.TEST_LIFECYCLE_LOGS ??= join(tmpdir(), `taciturn-lifecycle-${process.ppid}`))

/** Where no client's own socket is: below the ports that the system chooses from. */
const RELAY_PORTS = { from: 10_000, to: 11_999 }

/** Settings that let a test open many calls from one address. */
export const ROOMY = {
  limits: {
    allocationsPerAddress: 4096,
    allocationsPerUser: 4096,
    allocationsPerUserPerMinute: 'unlimited',
    requestsPerUserPerSecond: 'unlimited',
    peersPerUserPerMinute: 'unlimited',
    connectionsPerAddress: 4096,
    unverifiedAnswersPerNetwork: 'unlimited',
    unverifiedAnswers: 'unlimited',
  },
}

export interface ServeOptions {
  readonly settings?: Readonly<Record<string, unknown>>
  /** Listens on ::1 too. */
  readonly ipv6?: boolean
  /** What to put before the command line of node. */
  readonly before?: string
}

/** Starts `serve` in a process of its own, with peers on loopback; it ends with the test. */
export async function startServe(
  t: Test,
  { settings = {}, ipv6 = false, before }: ServeOptions = {},
): Promise<RunningRelay> {
  const relay = await startRelay({
    against: 'taciturn',
    loopbackPeers: true,
    ipv6,
    settings: {
      log: { level: 'debug', format: 'json', privacy: 'pseudonym' },
      limits: ROOMY.limits,
      workers: 1,
      relay: { addresses: ['127.0.0.1'], ports: `${RELAY_PORTS.from}-${RELAY_PORTS.to}` },
      ...settings,
    },
    ...(before !== undefined && { node: wrapped(t, before) }),
  })
  t.teardown(async () => {
    await relay.stop()
    keepLog(relay.child.stderr)
  })
  return { ...relay, relayPorts: RELAY_PORTS }
}

/** Writes a program that runs node behind a command; the process stays the same. */
export function wrapped(t: Test, before: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'wrapped-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'node')
  writeFileSync(file, `#!/bin/sh\n${before} ${process.execPath} "$@"\n`, { mode: 0o755 })
  return file
}

/** Keeps what a relay logged, for the last test of the suite to read. */
export function keepLog(text: string): void {
  mkdirSync(LOGS, { recursive: true })
  appendFileSync(join(LOGS, `${process.pid}.log`), text)
}

export async function openCalls(
  t: Test,
  relay: RunningRelay,
  count: number,
  via: 'udp' | 'tcp' = 'udp',
): Promise<Calls> {
  const calls = await Calls.open({ port: relay.port, secret: relay.secret, count, via })
  t.teardown(() => calls.close())
  return calls
}

/** Asks the page for operators; undefined where nobody answers. */
export async function page(
  relay: RunningRelay,
  path: string,
): Promise<{ status: number; text: string } | undefined> {
  try {
    const answer = await fetch(new URL(path, relay.metrics), { signal: AbortSignal.timeout(2000) })
    return { status: answer.status, text: await answer.text() }
  } catch {
    return undefined
  }
}

/** Resolves when a condition holds, looked at every 20 ms; false after `patience`. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  patience = 10_000,
): Promise<boolean> {
  const until = performance.now() + patience
  while (!(await holds())) {
    if (performance.now() > until) return false
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return true
}

/** Seconds that a promise takes. */
export async function secondsOf<T>(
  promise: Promise<T>,
): Promise<{ readonly value: T; readonly seconds: number }> {
  const began = performance.now()
  const value = await promise
  return { value, seconds: (performance.now() - began) / 1000 }
}
