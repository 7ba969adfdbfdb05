import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from './child.ts'
import { freePort } from './ports.ts'

export const RULES = join(import.meta.dirname, '../../deploy/prometheus/taciturn.rules.yml')

/** One series of an answer. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [at: number, value: string]
}

export interface Alert {
  readonly state: 'pending' | 'firing'
  readonly labels: Readonly<Record<string, string>>
}

/** A Prometheus of our own on loopback, which scrapes one target every second. */
export interface Prometheus {
  readonly child: Child
  /** Runs a query as of now; throws with Prometheus's words where it is none. */
  query(expression: string): Promise<Sample[]>
  alerts(): Promise<Alert[]>
  /** Resolves when `done` holds, looked at twice a second; rejects with `what` after `patience` milliseconds. */
  until(what: string, done: () => Promise<boolean>, patience?: number): Promise<void>
  stop(): Promise<void>
}

/** Starts Prometheus with this project's rules; resolves when it answers. `target` is HOST:PORT. */
export async function startPrometheus(target: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-test-'))
  const port = await freePort()
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [RULES],
    scrape_configs: [{ job_name: 'taciturn', static_configs: [{ targets: [target] }] }],
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const child = new Child(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { cwd: folder },
  )
  const ask = async (path: string): Promise<{ data: unknown; error?: string }> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    const answer = (await response.json()) as { data: unknown; error?: string }
    if (!response.ok) throw new Error(`${path}: ${answer.error}`)
    return answer
  }
  const until: Prometheus['until'] = async (what, done, patience = 30_000) => {
    const end = Date.now() + patience
    for (;;) {
      if (await done()) return
      if (child.exit) throw new Error(`prometheus ended:\n${child.output}`)
      if (Date.now() > end) throw new Error(`in vain: ${what}\n${child.output}`)
      await new Promise(resolve => setTimeout(resolve, 500))
    }
  }
  const stop = async () => {
    await child.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await until('prometheus answers', async () => {
      const ready = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined)
      return ready?.ok ?? false
    })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    child,
    query: async expression => {
      const { data } = await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`)
      return (data as { result: Sample[] }).result
    },
    alerts: async () => {
      const { data } = await ask('/api/v1/alerts')
      return (data as { alerts: Alert[] }).alerts
    },
    until,
    stop,
  }
}
