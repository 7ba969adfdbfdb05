import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Loaded, load } from '../../src/config/load.ts'

/** A secret that no check finds fault with. */
export const SECRET = 'qW4xT9bN2mK7vR5zL8cJ3hG6fD1sA0pY'

/** Writes a configuration into a folder of its own, which goes with the process. */
export function writeConfig(config: Readonly<Record<string, unknown>>): { folder: string; file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-test-'))
  folders.push(folder)
  const file = join(folder, 'turnserver.json')
  rewrite(file, config)
  return { folder, file }
}

export function rewrite(file: string, config: Readonly<Record<string, unknown>>): void {
  const state = join(dirname(file), 'state')
  writeFileSync(file, JSON.stringify({ ...BASE, state, ...config }), { mode: 0o600 })
}

/**
 * Loads a configuration of one homeserver on loopback, with these keys in place of its own. All that are loaded so
 * name the same state folder, in which nothing is written before a service starts.
 */
export function loaded(config: Readonly<Record<string, unknown>> = {}): Loaded {
  const { file, folder } = writeConfig({ state: '/nowhere/taciturn', ...config })
  return load({ path: file, env: {}, cwd: folder })
}

const folders: string[] = []
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const BASE = {
  realm: 'turn.example.org',
  listen: ['udp://127.0.0.1:3478', 'tcp://127.0.0.1:3478'],
  relay: { addresses: ['127.0.0.1'], ports: '49152-65535' },
  homeservers: [{ name: 'example.org', secrets: [SECRET] }],
  metrics: false,
  control: false,
  console: false,
  udp: 'dgram',
}
