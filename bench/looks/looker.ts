import { once } from 'node:events'
import { connect } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { WebSocket } from 'ws'
import { SNAPSHOT_VERSION } from '../../src/core/snapshot/envelope.ts'
import { HandOverLink } from '../../src/handover/link.ts'
import { handOverPath, PATIENCE, PROTOCOL } from '../../src/handover/protocol.ts'

/*
 * Looks at the relay, and does to it what operators do, in a thread of its
 * own, so that what is read and parsed here delays no packet of the stream
 * that is measured.
 */
const { metrics, port, token, state } = workerData as {
  readonly metrics: number
  /** Of the console. */
  readonly port: number
  readonly token: string
  readonly state: string
}
const api = `http://127.0.0.1:${port}/api/v1`
const headers = { authorization: `Bearer ${token}` }
let feed: WebSocket | undefined

/** Everybody but the caller of the stream that is measured. */
const CROWD = '127.0.0.2'
const NOBODY = '198.51.100.0/24'

const LOOKS: Readonly<Record<string, () => Promise<unknown>>> = {
  metrics: async () => (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text(),
  status: () => read('status'),
  sessions: () => read('sessions'),
  'all-sessions': () => read('sessions?limit=20000'),
  tables: () => inTurn('sessions.csv', 'history.csv?span=day', 'rejected.csv'),
  history: () => inTurn('history', 'history/hours'),
  usage: () => inTurn('usage?per=user&limit=20000', 'usage.csv?per=user&by=hour&limit=20000'),
  find: () => write('users/find', { name: '@nobody:example.org' }),
  feed: async () => {
    feed = new WebSocket(`ws://127.0.0.1:${port}/api/v1/live`)
    feed.on('open', () => feed!.send(JSON.stringify({ type: 'hello', token })))
    feed.on('message', () => {})
  },
  'feed-end': async () => feed?.close(),
  bans: () => read('bans'),
  ban: async () => {
    await write('bans', { network: NOBODY, seconds: 3600 })
    await write('bans/lift', { network: NOBODY })
  },
  'ban-all': () => write('bans', { network: CROWD, seconds: 3600 }),
  'ban-end': () => write('bans/lift', { network: CROWD }),
  drain: async () => {
    await write('drain')
    await write('drain/cancel')
  },
  pause: () => change({ kind: 'pause', homeserver: 'crowd', paused: true }),
  limit: () => change({ kind: 'limit', key: 'bitratePerUser', value: '16 Mbit/s' }),
  block: () => change({ kind: 'block', name: '@nobody:example.org' }),
  rehearse,
  'disconnect-all': async () => {
    const { sessions } = await read<{ readonly sessions: readonly { readonly user: string }[] }>(
      'sessions?limit=20000',
    )
    // The caller is the only one who talks, so it comes first.
    const users = new Set(sessions.slice(1).map(({ user }) => user))
    users.delete(sessions[0]!.user)
    await Promise.all([...users].map(user => write(`users/${user}/disconnect`)))
  },
}

parentPort!.on('message', async (what: string) => {
  await LOOKS[what]!()
  parentPort!.postMessage(what)
})

/** Makes a change and takes it back. */
async function change(asked: object): Promise<void> {
  const { id } = await write<{ readonly id: string }>('changes', asked)
  await write(`changes/${id}/undo`)
}

/** What a new process has the relay do before it takes over: its whole state as octets. Then it goes away. */
async function rehearse(): Promise<void> {
  const socket = connect({ path: handOverPath(state) })
  await once(socket, 'connect')
  const link = new HandOverLink(socket)
  link.say({
    kind: 'hello',
    protocol: PROTOCOL,
    version: '0',
    snapshots: [SNAPSHOT_VERSION],
    pid: process.pid,
  })
  await link.next(PATIENCE)
  link.say({ kind: 'rehearse' })
  const octets = await link.next(PATIENCE)
  if (!Buffer.isBuffer(octets)) throw new Error(JSON.stringify(octets))
  link.end()
}

async function inTurn(...paths: readonly string[]): Promise<void> {
  for (const path of paths) await text(path)
}

async function text(path: string, init: RequestInit = {}): Promise<string> {
  const answer = await fetch(`${api}/${path}`, { ...init, headers: { ...headers, ...init.headers } })
  const body = await answer.text()
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${body}`)
  return body
}

async function read<T>(path: string): Promise<T> {
  return JSON.parse(await text(path)) as T
}

async function write<T>(path: string, body?: object): Promise<T> {
  const init = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return JSON.parse(await text(path, { method: 'POST', ...init })) as T
}
