import { readFileSync, writeFileSync } from 'node:fs'
import type { RunningRelay } from './relay.ts'

type Config = Record<string, unknown>

/** Changes the configuration of a running relay and resolves when it has taken it on. */
export async function reload(relay: RunningRelay, change: (config: Config) => Config): Promise<void> {
  const config = JSON.parse(readFileSync(relay.config!, 'utf8')) as Config
  writeFileSync(relay.config!, JSON.stringify(change(config)), { mode: 0o600 })
  const before = relay.child.output.split('configuration reloaded').length - 1
  relay.child.signal('SIGHUP')
  await relay.child.says(new RegExp(`(?:configuration reloaded[^]*?){${before + 1}}`))
}
