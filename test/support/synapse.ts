import { spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Certificate } from './certificate.ts'
import { Child } from './child.ts'
import { freePort } from './ports.ts'

export interface SynapseOptions {
  /** For the federation listener. */
  readonly certificate: Certificate
  /** Lines of its configuration, such as those for TURN. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** A real Synapse on loopback, with SQLite in a folder of its own. */
export interface Synapse {
  /** Base of the client API, over plain HTTP. */
  readonly url: string
  /** `127.0.0.1:PORT`, the port being that of the federation listener. */
  readonly name: string
  readonly folder: string
  readonly child: Child
  /** Makes a user, or a guest. */
  register(name: string | 'guest'): Promise<SynapseUser>
  /** Stops it, and starts it with other settings on the same ports and the same database. */
  restart(settings: Readonly<Record<string, unknown>>): Promise<void>
  stop(): Promise<void>
}

export interface SynapseUser {
  readonly id: string
  readonly token: string
  readonly device: string
  get(path: string): Promise<{ readonly status: number; readonly json: Record<string, unknown> }>
  post(
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly json: Record<string, unknown> }>
}

/** The Python that has Synapse: that of TACITURN_SYNAPSE_PYTHON, or the machine's. */
const PYTHON = process.env.TACITURN_SYNAPSE_PYTHON ?? 'python3'

/** Options for a test that needs Synapse: skipped without it, except in CI, where the test runs and fails. */
export function needSynapse(): { skip: string | false } {
  const found = spawnSync(PYTHON, ['-c', 'import synapse.app.homeserver'], { stdio: 'ignore' }).status === 0
  const reason = `${PYTHON} has no Synapse: pip install matrix-synapse, and name that Python in TACITURN_SYNAPSE_PYTHON`
  return { skip: !found && !process.env.CI && reason }
}

const REGISTRATION_SECRET = 'a secret that makes users'

/** Starts Synapse and resolves when it answers. */
export async function startSynapse(options: SynapseOptions): Promise<Synapse> {
  const folder = mkdtempSync(join(tmpdir(), 'synapse-test-'))
  const [port, tlsPort] = [await freePort(), await freePort()]
  const name = `127.0.0.1:${tlsPort}`
  const url = `http://127.0.0.1:${port}`
  const write = (settings: Readonly<Record<string, unknown>>) => {
    const config = { ...base(folder, name, port, tlsPort, options.certificate), ...settings }
    // JSON is YAML.
    writeFileSync(join(folder, 'homeserver.yaml'), JSON.stringify(config, undefined, 2))
    writeFileSync(join(folder, 'log.yaml'), JSON.stringify(LOG))
  }
  write(options.settings ?? {})
  const arguments_ = ['-m', 'synapse.app.homeserver', '-c', join(folder, 'homeserver.yaml')]
  const launch = async () => {
    const child = new Child(PYTHON, arguments_, { cwd: folder })
    try {
      await Promise.race([answers(url), failure(child)])
    } catch (error) {
      await child.stop()
      throw error
    }
    return child
  }
  let child: Child
  try {
    const keys = new Child(PYTHON, [...arguments_, '--generate-keys'], { cwd: folder })
    const { code } = await keys.exited
    if (code !== 0) throw new Error(`Synapse made no keys:\n${keys.output}`)
    child = await launch()
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return {
    url,
    name,
    folder,
    get child() {
      return child
    },
    register: user => (user === 'guest' ? guest(url) : register(url, user)),
    restart: async settings => {
      await child.stop()
      write(settings)
      child = await launch()
    },
    stop: async () => {
      await child.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function base(folder: string, name: string, port: number, tlsPort: number, certificate: Certificate) {
  const rate = { per_second: 1000, burst_count: 1000 }
  const loopback = { type: 'http', bind_addresses: ['127.0.0.1'] }
  return {
    server_name: name,
    public_baseurl: `http://127.0.0.1:${port}/`,
    listeners: [
      { ...loopback, port, tls: false, resources: [{ names: ['client'], compress: false }] },
      { ...loopback, port: tlsPort, tls: true, resources: [{ names: ['federation', 'openid'] }] },
    ],
    tls_certificate_path: certificate.certificate,
    tls_private_key_path: certificate.key,
    database: { name: 'sqlite3', args: { database: join(folder, 'homeserver.db') } },
    log_config: join(folder, 'log.yaml'),
    media_store_path: join(folder, 'media'),
    signing_key_path: join(folder, 'signing.key'),
    report_stats: false,
    trusted_key_servers: [],
    suppress_key_server_warning: true,
    federation_domain_whitelist: [],
    registration_shared_secret: REGISTRATION_SECRET,
    macaroon_secret_key: 'a secret for macaroons',
    form_secret: 'a secret for forms',
    allow_guest_access: true,
    rc_message: rate,
    rc_registration: rate,
    rc_login: { address: rate, account: rate, failed_attempts: rate },
    rc_joins: { local: rate, remote: rate },
  }
}

const LOG = {
  version: 1,
  formatters: { plain: { format: '%(levelname)s %(name)s %(message)s' } },
  handlers: { console: { class: 'logging.StreamHandler', formatter: 'plain' } },
  root: { level: 'WARNING', handlers: ['console'] },
  disable_existing_loggers: false,
}

/** Resolves when the client API answers. */
async function answers(url: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    try {
      const { ok } = await fetch(`${url}/_matrix/client/versions`)
      if (ok) return
    } catch {}
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('Synapse did not answer within a minute')
}

async function failure(child: Child): Promise<never> {
  await child.exited
  throw new Error(`Synapse ended at once:\n${child.output}`)
}

async function register(url: string, name: string): Promise<SynapseUser> {
  const path = `${url}/_synapse/admin/v1/register`
  const { nonce } = await json(fetch(path))
  const password = 'a password that only this test knows'
  const mac = createHmac('sha1', REGISTRATION_SECRET)
    .update([nonce, name, password, 'notadmin'].join('\0'))
    .digest('hex')
  const body = JSON.stringify({ nonce, username: name, password, mac, admin: false })
  return userOf(url, await json(fetch(path, { method: 'POST', body })))
}

async function guest(url: string): Promise<SynapseUser> {
  const path = `${url}/_matrix/client/v3/register?kind=guest`
  return userOf(url, await json(fetch(path, { method: 'POST', body: '{}' })))
}

async function json(fetching: Promise<Response>): Promise<Record<string, string>> {
  return (await (await fetching).json()) as Record<string, string>
}

function userOf(url: string, made: Record<string, string>): SynapseUser {
  const { user_id: id, access_token: token, device_id: device } = made
  if (!id || !token || !device) throw new Error(`Synapse made no user: ${JSON.stringify(made)}`)
  const headers = { authorization: `Bearer ${token}` }
  const call = async (path: string, init: RequestInit) => {
    const response = await fetch(`${url}${path}`, { ...init, headers })
    return { status: response.status, json: (await response.json()) as Record<string, unknown> }
  }
  return {
    id,
    token,
    device,
    get: path => call(path, {}),
    post: (path, body = {}) => call(path, { method: 'POST', body: JSON.stringify(body) }),
  }
}
