import { formatRange } from '../../src/base/range.ts'
import { failed, succeeded } from '../../src/base/result.ts'
import type { Control, RelayLook, Wanted } from '../../src/control/control.ts'
import type { ChangesView, ChangeView, HistoryPoint, SessionView, Status } from '../../src/control/view.ts'
import { listed } from './fake-control.ts'

const BAN = { network: '203.0.113.8', since: 1, until: Date.UTC(2030, 4, 14), by: 'alice', reason: 'scans' }

/** When the scripted relay was started. */
export const STARTED = Date.UTC(2030, 4, 14, 6, 30)
/** What its first look sees. */
export const BEGIN = STARTED + 3 * 3600_000 + 25_000
const DAY = 86_400_000

/** A control that a test can push about. */
export interface ScriptedControl extends Control {
  /** Seconds that have gone by: one with each look. */
  readonly seconds: number
  /** What was done to it, in words. */
  readonly done: string[]
  /** How often somebody was given everything from the beginning. */
  readonly snapshots: number
  /** Laid over what `status` says. */
  over: Partial<Status>
  reloads: { readonly ok: boolean; readonly problems: readonly string[] }
}

/** A relay with `count` sessions that moves on by a second with each look, the same way every time. */
export function scriptedControl(count = 14): ScriptedControl {
  let seconds = 0
  let snapshots = 0
  const done: string[] = []
  const gone = new Set<number>()
  let changes: readonly ChangeView[] = []
  const now = () => BEGIN + seconds * 1000
  const sessions = (): SessionView[] =>
    Array.from({ length: count }, (_, i) => sessionAt(i, seconds)).filter((_, i) => !gone.has(i))
  const status = (): Status => {
    const seen = statusAt(now(), seconds, sessions())
    const homeservers = seen.homeservers.map(one => {
      const change = changes.findLast(({ kind, homeserver }) => kind === 'pause' && homeserver === one.name)
      return change ? { ...one, paused: change.paused ?? false } : one
    })
    return { ...seen, homeservers, ...control.over }
  }
  const busiest = () => sessions().sort((a, b) => b.rate.toPeer.bytes - a.rate.toPeer.bytes)
  const look = (wanted: Wanted): RelayLook => ({ status: status(), ...listed(busiest(), wanted) })
  const control: ScriptedControl = {
    get seconds() {
      return seconds
    },
    get snapshots() {
      return snapshots
    },
    done,
    over: {},
    reloads: { ok: true, problems: [] },
    pseudonymOf: async name => sessions().find(({ user }) => user === name)?.user,
    look: async wanted => {
      if (!wanted.hurry) seconds++
      return look(wanted)
    },
    findSessions: async wanted => listed(busiest(), wanted),
    session: async id => sessions().find(session => session.id === id),
    traffic: async () => allocation => sessions().find(({ id }) => id === String(allocation))?.traffic,
    status: async () => status(),
    history: () => {
      snapshots++
      return {
        recent: { step: 1, points: Array.from({ length: 600 }, (_, i) => pointAt(now() - (599 - i) * 1000)) },
        day: {
          step: 60,
          points: Array.from({ length: 1000 }, (_, i) => pointAt(now() - (999 - i) * 60_000)),
        },
      }
    },
    hours: () => ({
      step: 3600,
      points: Array.from({ length: 2400 }, (_, i) => pointAt(now() - (2399 - i) * 3600_000)),
    }),
    point: () => {
      const { rate } = status()
      return { ...pointAt(now()), bytesToPeer: rate.toPeer.bytes, bytesToClient: rate.toClient.bytes }
    },
    disconnect: id => {
      const i = Number(id.slice(1))
      if (!(i < count) || gone.has(i)) return false
      gone.add(i)
      done.push(`disconnect ${id}`)
      return true
    },
    disconnectUser: async user => {
      const theirs = sessions().filter(session => session.user === user)
      for (const { id } of theirs) gone.add(Number(id.slice(1)))
      if (theirs.length > 0) done.push(`disconnect user ${user}`)
      return theirs.length
    },
    reveal: async (users, ids) => ({
      users: Object.fromEntries(users.map(user => [user, `@person${PEOPLE.indexOf(user)}:example.org`])),
      sessions: Object.fromEntries(
        sessions()
          .filter(({ id }) => ids.includes(id))
          .map(({ id, user }) => [id, { user, client: `192.0.2.${id.slice(1)}:40000` }]),
      ),
    }),
    cancelDrain: () => {
      done.push('cancel drain')
      control.over = { ...control.over, state: 'serving', notReady: [] }
      return true
    },
    drain: () => {
      done.push('drain')
      control.over = { ...control.over, state: 'draining', notReady: ['draining'] }
    },
    bans: {
      list: async () => (done.includes('unban') ? [] : [BAN]),
      ban: async () => ({ ok: false, error: 'no-session' }),
      unban: range => {
        if (formatRange(range) !== BAN.network) return false
        done.push('unban')
        return true
      },
      touching: async () => [],
    },
    notifyTest: async () => ({ sent: [] }),
    upgrade: async () => ({ ok: false, why: 'nobody there' }),
    upgradeTold: () => {},
    reload: async () => {
      done.push('reload')
      return { ...control.reloads, warnings: [], restart: [] }
    },
    changes: () => ({ changes, limits: limitsOf(changes) }),
    change: async (asked, who) => {
      done.push(asked.kind === 'pause' ? (asked.paused ? 'pause' : 'resume') : asked.kind)
      const { kind, homeserver } = asked
      const common = {
        id: `0000000${changes.length}`,
        at: now(),
        who,
        kind,
        ...(homeserver && { homeserver }),
      }
      if (asked.kind === 'limit' && asked.value === 'much')
        return failed({
          why: 'invalid',
          text: { key: 'change.value', values: { what: '"much" is not a rate' } },
        })
      const made: ChangeView =
        asked.kind === 'pause'
          ? { ...common, paused: asked.paused }
          : asked.kind === 'limit'
            ? { ...common, key: asked.key, value: asked.value }
            : {
                ...common,
                user: asked.user ?? PEOPLE[0]!,
                ...(asked.seconds && { until: now() + asked.seconds * 1000 }),
              }
      changes = [...changes, made]
      return succeeded(made)
    },
    undo: async id => {
      const undone = changes.find(one => one.id === id)
      if (!undone) return failed({ why: 'unknown', text: { key: 'change.none' } })
      changes = changes.filter(one => one !== undone)
      done.push(`undo ${undone.kind}`)
      return succeeded(undone)
    },
    configuration: () => ({
      realm: 'turn.example.org',
      listen: ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:3478', 'tls://0.0.0.0:443'],
      limits: { allocations: 2000, allocationsPerUser: 20, bitratePerUser: '4 Mbit/s' },
      homeservers: [{ name: 'example.org', secrets: [{ value: '(redacted)', algorithm: 'sha1' }] }],
    }),
  }
  return control
}

/** The limits of the script's file, with changes laid over them. */
function limitsOf(changes: readonly ChangeView[]): ChangesView['limits'] {
  const file: ChangesView['limits'] = [
    { key: 'allocationsPerUser', value: 20, file: 20 },
    { key: 'allocations', value: 2000, file: 2000 },
    { key: 'bitratePerUser', value: '4 Mbit/s', file: '4 Mbit/s' },
    { key: 'lifetime', value: '1h', file: '1h' },
    { key: 'allocations', homeserver: SERVERS[1]!, value: 6, file: 6 },
  ]
  return file.map(limit => {
    const change = changes.findLast(
      ({ key, homeserver }) => key === limit.key && homeserver === limit.homeserver,
    )
    return change?.value === undefined ? limit : { ...limit, value: change.value }
  })
}

const PEOPLE = Array.from({ length: 9 }, (_, i) =>
  ((0x9e3779b97f4a7c15n * BigInt(i + 1)) & 0xffff_ffff_ffff_ffffn).toString(16).padStart(16, '0'),
)
const SERVERS = ['example.org', 'verein.example', 'chat.example.net']

function sessionAt(i: number, seconds: number): SessionView {
  const bytes = Math.round(40_000 + 140_000 * (i % 4) + 20_000 * Math.sin((seconds + i * 7) / 6))
  const age = 30 + i * i * 41 + seconds
  const flow = (share: number) => ({
    packets: Math.round((bytes * share) / 900),
    bytes: Math.round(bytes * share),
  })
  const total = (share: number) => ({
    packets: Math.round((bytes * share * age) / 900),
    bytes: Math.round(bytes * share) * age,
  })
  return {
    id: `s${i}`,
    homeserver: SERVERS[i % SERVERS.length]!,
    user: PEOPLE[i % PEOPLE.length]!,
    client: `00${i}`.padStart(16, 'c'),
    transport: (['udp', 'udp', 'udp', 'tls', 'tcp'] as const)[i % 5]!,
    clientFamily: i % 3 === 0 ? 6 : 4,
    relayed: [`198.51.100.7:${50_000 + i}`],
    since: BEGIN + (seconds - age) * 1000,
    expires: BEGIN + (seconds + 600) * 1000,
    permissions: 1 + (i % 4),
    channels: 1,
    rate: { toPeer: flow(1), toClient: flow(0.8) },
    traffic: { toPeer: total(1), toClient: total(0.8) },
    dropped: i % 5 === 4 ? 12 * i + seconds : 0,
  }
}

function statusAt(at: number, seconds: number, sessions: readonly SessionView[]): Status {
  const sum = (read: (session: SessionView) => number) =>
    sessions.reduce((total, session) => total + read(session), 0)
  const flows = (kind: 'rate' | 'traffic') => ({
    toPeer: { packets: sum(one => one[kind].toPeer.packets), bytes: sum(one => one[kind].toPeer.bytes) },
    toClient: {
      packets: sum(one => one[kind].toClient.packets),
      bytes: sum(one => one[kind].toClient.bytes),
    },
  })
  const via = (name: string) => sessions.filter(({ transport }) => transport === name).length
  return {
    version: '0.1.0',
    realm: 'turn.example.org',
    at,
    started: STARTED,
    state: 'serving',
    notReady: [],
    health: GOOD,
    udp: 'native',
    workers: { running: 3, missing: 0 },
    listening: ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:3478', 'tls://0.0.0.0:443'],
    relays: [{ local: '10.0.0.7', public: '198.51.100.7' }],
    allocations: {
      live: sessions.length,
      limit: 2000,
      opened: 4821 + seconds,
      byTransport: { udp: via('udp'), tcp: via('tcp'), tls: via('tls'), dtls: 0, relay: 0 },
    },
    users: new Set(sessions.map(({ user }) => user)).size,
    ports: { used: sessions.length, total: 16384 },
    descriptors: { open: 120 + sessions.length, limit: 65536 },
    rate: flows('rate'),
    traffic: flows('traffic'),
    dropped: { 'not-stun': 8312 + seconds, 'no-permission': 411, rate: 37 + seconds * 3, 'slow-stream': 4 },
    rejected: {
      'first-401': 4930 + seconds,
      'stale-nonce': 212,
      'wrong-secret': 19,
      'denied-peer': 3,
      quota: 1,
    },
    closed: { released: 4300, expired: 470, hangup: 33, revoked: 4 },
    homeservers: SERVERS.map((name, i) => ({
      name,
      paused: i === 2,
      allocations: sessions.filter(one => one.homeserver === name).length,
      ...(i === 1 && { limit: 6 }),
      opened: 2100 - 700 * i,
      issued: i === 0 ? 1800 : 0,
      bytesToPeer: 91e9 / (i + 1),
      bytesToClient: 84e9 / (i + 1),
    })),
    certificate: { expires: BEGIN + 17.5 * DAY },
    reload: { ok: true, at: STARTED, problems: [] },
    process: { pid: 812, rss: 96e6, cpu: 0.06 + 0.01 * Math.sin(seconds) },
  }
}

/** What the rules say of a relay that is well. */
export const GOOD: Status['health'] = { findings: [], checked: 26, unchecked: [] }

function pointAt(at: number): HistoryPoint {
  const t = at / 1000
  const busy = 0.6 + 0.2 * Math.sin(t / 9000 + 4) + 0.06 * Math.sin(t / 37) + 0.02 * Math.sin(t / 11)
  return {
    at,
    allocations: Math.round(18 * busy),
    bytesToPeer: Math.round(4.4e6 * busy),
    bytesToClient: Math.round(3.5e6 * busy),
    packets: Math.round(8200 * busy),
    dropped: Math.max(0, Math.round(6 * Math.sin(t / 21))),
    rejected: Math.round(2 + 2 * Math.sin(t / 50)),
  }
}
