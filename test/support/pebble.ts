import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { selfSigned } from './certificate.ts'
import { Child } from './child.ts'
import { freePort } from './ports.ts'

/** Pebble, the authority by which Let's Encrypt tests clients, with a DNS in which every name is 127.0.0.1. */
export interface Pebble {
  readonly directory: string
  /** What the relay needs in its environment to trust it. */
  readonly env: Readonly<Record<string, string>>
  /** All that it has said. */
  readonly child: Child
}

export interface PebbleOptions {
  /** Where it looks for challenges. */
  readonly httpPort: number
  readonly tlsPort: number
  /** Seconds that its certificates are valid. */
  readonly validity?: number
}

/** Starts it and resolves when it serves. It rejects every fourth nonce, and names that end in `.blocked`. */
export async function startPebble(
  t: Test,
  { httpPort, tlsPort, validity = 7_776_000 }: PebbleOptions,
): Promise<Pebble> {
  const folder = mkdtempSync(join(tmpdir(), 'pebble-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { certificate, key } = selfSigned(folder)
  const [api, management, dns, dnsManagement] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const names = new Child('pebble-challtestsrv', [
    ...['-dnsserver', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`],
    ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', ''],
    ...['-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''],
  ])
  t.teardown(() => names.stop())
  const config = join(folder, 'pebble.json')
  const pebble = {
    listenAddress: `127.0.0.1:${api}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate,
    privateKey: key,
    httpPort,
    tlsPort,
    domainBlocklist: ['turn.blocked'],
    retryAfter: { authz: 1, order: 1 },
    keyAlgorithm: 'ecdsa',
    profiles: { default: { description: 'the only one', validityPeriod: validity } },
  }
  writeFileSync(config, JSON.stringify({ pebble }))
  const child = new Child('pebble', ['-strict', '-config', config, '-dnsserver', `127.0.0.1:${dns}`], {
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '25' },
  })
  t.teardown(() => child.stop())
  await names.says(/Starting/)
  await child.says(/Listening on/)
  return { directory: `https://127.0.0.1:${api}/dir`, env: { NODE_EXTRA_CA_CERTS: certificate }, child }
}
