import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { formatRange, type Range } from '../../src/base/range.ts'
import { failed, type Result, succeeded } from '../../src/base/result.ts'
import { AccessLog } from '../../src/control/access-log.ts'
import type { BanControl } from '../../src/control/bans/ban-control.ts'
import type { ChangeFault, Control, RelayLook, SessionsShown, Wanted } from '../../src/control/control.ts'
import { listenAt } from '../../src/control/control-socket.ts'
import { socketDoor, webDoor } from '../../src/control/door.ts'
import { Feed, type FeedParts } from '../../src/control/feed/feed.ts'
import { OidcDoor } from '../../src/control/sign-in/oidc-door.ts'
import { Sealed } from '../../src/control/sign-in/sealed.ts'
import { TestRuns } from '../../src/control/tests/test-runs.ts'
import { Tokens } from '../../src/control/tokens.ts'
import type { UsageControl } from '../../src/control/usage/usage-control.ts'
import { type OwnBudgets, UsagePages, type UsagePagesParts } from '../../src/control/usage/usage-pages.ts'
import type {
  AccessEntry,
  ChangeAsked,
  ChangesView,
  ChangeView,
  FeedHello,
  FeedMessage,
  HistoryPoint,
  NotifiedView,
  Reloaded,
  SessionView,
  Status,
  Upgraded,
} from '../../src/control/view.ts'
import { WrongTokens } from '../../src/control/wrong-tokens.ts'
import type { Owner } from '../../src/core/event.ts'
import type { AllowedHosts } from '../../src/http/origin.ts'
import { range } from './ranges.ts'
import { SCRIPTED_BUDGETS } from './scripted-use.ts'

export const ACT = 'a token that may act, for tests'
export const READ = 'a token that may read, for tests'

/** A relay that does nothing but remember what was asked of it. */
export class FakeControl implements Control {
  readonly asked: string[] = []
  sessions: SessionView[] = [session('1'), session('2')]
  looks = 0
  upgraded: Upgraded = { ok: true, pid: 4242, version: '9.9.9', allocations: 2, stays: 1, gap: 3.25 }
  draining = true
  refused: Reloaded['refused']
  /** What comes of a test message. */
  notified: NotifiedView['sent'] = [{ way: 'email' }]
  made: ChangeView[] = [{ id: '1', at: 1, who: 'bob', kind: 'limit', key: 'allocations', value: 100 }]
  /** Makes every look different. */
  #second = 0

  async look(wanted: Wanted): Promise<RelayLook> {
    this.looks++
    this.#second++
    return { status: statusAt(this.#second), ...listed(this.sessions, wanted) }
  }

  async findSessions(wanted: Wanted): Promise<SessionsShown> {
    this.looks++
    return listed(this.sessions, wanted)
  }

  async session(id: string): Promise<SessionView | undefined> {
    return this.sessions.find(session => session.id === id)
  }

  async traffic() {
    this.looks++
    return (allocation: number) => this.sessions.find(({ id }) => id === String(allocation))?.traffic
  }

  async status(): Promise<Status> {
    return statusAt(this.#second)
  }

  history() {
    return { recent: { step: 1, points: [this.point()] }, day: { step: 60, points: [] } }
  }

  hours() {
    return { step: 3600, points: [this.point()] }
  }

  point(): HistoryPoint {
    return { at: 1, allocations: 2, bytesToPeer: 3, bytesToClient: 4, packets: 5, dropped: 0, rejected: 0 }
  }

  disconnect(id: string): boolean {
    this.asked.push(`disconnect ${id}`)
    return this.sessions.some(session => session.id === id)
  }

  async disconnectUser(user: string): Promise<number> {
    this.asked.push(`disconnect user ${user}`)
    return this.sessions.filter(session => session.user === user).length
  }

  async reveal(users: readonly string[], sessions: readonly string[]) {
    this.asked.push('reveal')
    return {
      users: Object.fromEntries(users.map(user => [user, '@alice:example.org'])),
      sessions: Object.fromEntries(
        sessions.map(id => [id, { user: '@alice:example.org', client: '203.0.113.9:4242' }]),
      ),
    }
  }

  async pseudonymOf(name: string): Promise<string | undefined> {
    this.asked.push('find')
    return name === '@alice:example.org' ? 'user1' : undefined
  }

  drain(): void {
    this.asked.push('drain')
  }

  cancelDrain(): boolean {
    this.asked.push('cancel drain')
    return this.draining
  }

  readonly bans: BanControl = {
    list: async () => [
      { network: '203.0.113.8', since: 1, until: Date.UTC(2030, 4, 14), by: 'alice', reason: 'scans' },
    ],
    ban: async ({ whom, seconds, by }) => {
      this.asked.push('ban')
      if (whom === '9') return failed('no-session')
      const network = typeof whom === 'string' ? '203.0.113.9' : formatRange(whom)
      return succeeded({
        ban: { network, since: 0, until: seconds * 1000, by },
        ended: typeof whom === 'string' ? 1 : 0,
      })
    },
    unban: range => {
      this.asked.push('unban')
      return formatRange(range) === '203.0.113.8'
    },
    touching: async () => [range('203.0.113.0/24')],
  }

  async notifyTest() {
    this.asked.push('notify test')
    return { sent: this.notified }
  }

  async upgrade(): Promise<Upgraded> {
    this.asked.push('upgrade')
    return this.upgraded
  }

  upgradeTold(): void {}

  async reload(): Promise<Reloaded> {
    this.asked.push('reload')
    if (this.refused) return { ok: false, refused: this.refused, problems: [], warnings: [], restart: [] }
    return { ok: true, problems: [], warnings: [], restart: ['listen'] }
  }

  changes(): ChangesView {
    return {
      changes: this.made,
      limits: [
        { key: 'allocations', value: 100, file: 50 },
        { key: 'bitrate', homeserver: 'example.org', value: '2 Mbit/s' },
      ],
    }
  }

  async change(asked: ChangeAsked, who: string): Promise<Result<ChangeView, ChangeFault>> {
    this.asked.push(`change ${asked.kind}`)
    if (asked.kind !== 'block' && asked.homeserver === 'unknown.example')
      return failed({
        why: 'unknown',
        text: { key: 'change.homeserver', values: { homeserver: asked.homeserver } },
      })
    if (asked.kind === 'limit' && asked.value === 'much')
      return failed({ why: 'invalid', text: { key: 'change.value', values: { what: 'not a rate' } } })
    const { kind, homeserver } = asked
    const common = { id: `0000000${this.made.length}`, at: 1, who, kind, ...(homeserver && { homeserver }) }
    const view: ChangeView =
      asked.kind === 'pause'
        ? { ...common, paused: asked.paused }
        : asked.kind === 'limit'
          ? { ...common, key: asked.key, value: asked.value }
          : { ...common, user: 'user1', ...(asked.seconds && { until: asked.seconds * 1000 }) }
    this.made.push(view)
    return succeeded(view)
  }

  async undo(id: string): Promise<Result<ChangeView, ChangeFault>> {
    this.asked.push(`undo ${id}`)
    const undone = this.made.find(one => one.id === id)
    if (!undone) return failed({ why: 'unknown', text: { key: 'change.none' } })
    this.made = this.made.filter(one => one !== undone)
    return succeeded(undone)
  }

  configuration() {
    return { realm: 'turn.example.org' }
  }
}

/** The wanted of these sessions, in the order in which they are. */
export function listed(all: readonly SessionView[], wanted: Wanted): SessionsShown {
  const { most, homeserver, user, transport } = wanted
  const isWanted = (session: SessionView) =>
    (homeserver ?? session.homeserver) === session.homeserver &&
    (user ?? session.user) === session.user &&
    (transport ?? session.transport) === session.transport
  const found = all.filter(isWanted)
  return { sessions: found.slice(0, most), more: Math.max(0, found.length - most) }
}

export interface FakePlane {
  readonly control: FakeControl
  readonly feed: Feed
  readonly tokens: Tokens
  readonly tests: TestRuns
  readonly oidc: { readonly door: OidcDoor; readonly failures: readonly Error[] }
  readonly port: number
  readonly socket: string
  /** Parsed lines of the access log. */
  lines(): AccessEntry[]
}

/** Both doors and the feed before a fake relay, on loopback; gone with the test. */
export async function fakePlane(
  t: Test,
  options: {
    readonly names?: AllowedHosts
    readonly trustedProxies?: readonly Range[]
    readonly patience?: FeedParts['patience']
    readonly costs?: UsagePagesParts['costs']
    readonly log?: string
    /** True: links lead to this plane itself. */
    readonly served?: boolean
    readonly broken?: (error: Error) => void
    /** The folder with the console's pages; none unless told. */
    readonly pages?: string
  } = {},
): Promise<FakePlane> {
  const folder = mkdtempSync(join(tmpdir(), 'control-test-'))
  const control = new FakeControl()
  const tokens = new Tokens()
  tokens.configure([
    { name: 'alice', rights: 'act', token: ACT },
    { name: 'wall', rights: 'read', token: READ },
  ])
  const file = options.log ?? join(folder, 'access.log')
  const log = new AccessLog({ file, broken: options.broken ?? (() => undefined) })
  const fault = (error: unknown) => t.fail(String(error))
  const wrong = new WrongTokens(10)
  const feed = new Feed({
    control,
    tokens,
    wrong,
    refused: ({ who, from }) => void log.write({ who, from, what: 'token', outcome: 'refused' }),
    fault,
    ...(options.patience && { patience: options.patience }),
  })
  const tests = new TestRuns({
    realm: 'turn.example.org',
    uris: () => ['turn:turn.example.org:3478?transport=udp'],
    credential: user => ({ username: `1:${user}`, password: 'secret' }),
  })
  let port = 1
  const failures: Error[] = []
  const url = () => `http://127.0.0.1:${port}`
  const oidc = new OidcDoor({ desk: { log, tokens, url }, failed: error => void failures.push(error) })
  const ledger = fakeLedger(control)
  const desk = {
    control,
    log,
    tokens,
    tests,
    ledger,
    budgets: SCRIPTED_BUDGETS,
    own: new UsagePages({
      sealed: new Sealed(),
      ledger,
      budgets: new FakeOwnBudgets(),
      costs: options.costs ?? (async () => undefined),
      homeservers: () => ['example.org', 'other.example'],
      now: () => performance.now(),
      date: Date.now,
    }),
    url,
    provider: () => oidc.provider,
  }
  const names = options.names ?? { host: '127.0.0.1', origins: ['https://turn.example.org'] }
  const web = webDoor({
    desk,
    feed,
    wrong,
    fault,
    oidc,
    pages: options.pages ?? join(folder, 'none'),
    names: () => names,
    trustedProxies: () => options.trustedProxies ?? [],
  })
  const unix = socketDoor({ desk, fault })
  const socket = join(folder, 'control.sock')
  await listenAt(unix, socket)
  await new Promise<void>(resolve => web.listen(0, '127.0.0.1', resolve))
  if (options.served) port = (web.address() as AddressInfo).port
  t.teardown(() => {
    feed.close()
    for (const server of [web, unix]) end(server)
    log.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    control,
    feed,
    tokens,
    tests,
    oidc: { door: oidc, failures },
    port: (web.address() as AddressInfo).port,
    socket,
    lines: () =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line) as AccessEntry),
  }
}

function end(server: Server): void {
  server.close()
  server.closeAllConnections()
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of it, it checks
  readonly body: any
}

/** Asks the plane over HTTP, or by its socket. */
export function ask(
  at: { readonly port?: number; readonly socket?: string },
  method: string,
  path: string,
  options: {
    readonly token?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: unknown
  } = {},
): Promise<Reply> {
  const text = options.body === undefined ? undefined : JSON.stringify(options.body)
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        ...(at.port === undefined ? { socketPath: at.socket } : { host: '127.0.0.1', port: at.port }),
        method,
        path,
        agent: false,
        headers: {
          ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
          ...(text !== undefined && { 'content-length': String(Buffer.byteLength(text)) }),
          ...options.headers,
        },
      },
      response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8')
          const isJson = response.headers['content-type'] === 'application/json' && body !== ''
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: isJson ? JSON.parse(body) : body,
          })
        })
      },
    )
    asked.on('error', reject)
    asked.end(text)
  })
}

/** A listener to the feed that keeps what it hears. */
export class Listener {
  readonly ws: WebSocket
  readonly heard: FeedMessage[] = []
  readonly closed: Promise<number>
  #waiting: (() => void)[] = []

  constructor(port: number, headers: Readonly<Record<string, string>> = {}) {
    this.ws = new WebSocket(`ws://127.0.0.1:${port}/api/v1/live`, { headers })
    this.ws.on('message', data => {
      this.heard.push(JSON.parse(data.toString()) as FeedMessage)
      const waiting = this.#waiting
      this.#waiting = []
      for (const resume of waiting) resume()
    })
    this.ws.on('error', () => undefined)
    this.closed = new Promise(resolve => this.ws.on('close', code => resolve(code)))
  }

  /** Resolves once connected; rejects with the status of a refusal. */
  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.ws.once('open', () => resolve())
      this.ws.once('unexpected-response', (_request, response) =>
        reject(new Error(String(response.statusCode))),
      )
    })
  }

  hello(token: string, more: Omit<FeedHello, 'type' | 'token'> = {}): void {
    this.ws.send(JSON.stringify({ type: 'hello', token, ...more }))
  }

  /** Resolves with the first message that this holds for, of those that came already too. */
  async hears<T extends FeedMessage['type']>(type: T, from = 0): Promise<Extract<FeedMessage, { type: T }>> {
    for (;;) {
      const found = this.heard.slice(from).find(message => message.type === type)
      if (found) return found as Extract<FeedMessage, { type: T }>
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }
}

/** Opens a connection that says what it is told to, as it is. */
export function rawConnection(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
  })
}

export function session(id: string, of: Partial<SessionView> = {}): SessionView {
  return {
    id,
    homeserver: 'example.org',
    user: `user${id}`,
    client: `client${id}`,
    transport: 'udp',
    clientFamily: 4,
    relayed: ['127.0.0.1:50000'],
    since: 1,
    expires: 2,
    permissions: 1,
    channels: 1,
    rate: NOTHING,
    traffic: NOTHING,
    dropped: 0,
    ...of,
  }
}

const NOTHING = { toPeer: { packets: 0, bytes: 0 }, toClient: { packets: 0, bytes: 0 } }

function statusAt(second: number): Status {
  return {
    version: '0',
    realm: 'turn.example.org',
    at: second,
    started: 0,
    state: 'serving',
    notReady: [],
    health: { findings: [], checked: 26, unchecked: [] },
    udp: 'dgram',
    workers: { running: 1, missing: 0 },
    listening: ['udp://127.0.0.1:3478'],
    proxy: { from: ['10.0.0.0/8'], clients: 1200, own: 30, refused: 4 },
    web: {
      to: '127.0.0.1:8443',
      connections: 12,
      limit: 1000,
      toServer: 1_000_000,
      toClient: 2_000_000,
      unreachable: 1,
    },
    relays: [{ local: '127.0.0.1', public: '127.0.0.1' }],
    allocations: {
      live: 2,
      limit: 10,
      opened: 2,
      byTransport: { udp: 2, tcp: 0, tls: 0, dtls: 0, relay: 0 },
    },
    users: 2,
    ports: { used: 2, total: 10 },
    rate: NOTHING,
    traffic: NOTHING,
    dropped: {},
    rejected: {},
    closed: {},
    homeservers: [
      {
        name: 'example.org',
        paused: false,
        allocations: 2,
        opened: 2,
        issued: 0,
        bytesToPeer: 0,
        bytesToClient: 0,
      },
    ],
    reload: { ok: true, at: 0, problems: [] },
    process: { pid: 1, rss: 1, cpu: 0 },
  }
}

/** Limits in memory; the operator allows 20 GB a month, and alice pays for two groups. */
export class FakeOwnBudgets implements OwnBudgets {
  readonly limits = new Map<string, number>()

  ownOf({ tenant, user }: Owner): number | undefined {
    return this.limits.get(`${tenant} ${user}`)
  }

  setOwn({ tenant, user }: Owner, month: number | undefined): ReturnType<OwnBudgets['setOwn']> {
    if (month !== undefined && month > 20e9) return failed('too-high')
    if (month === undefined) this.limits.delete(`${tenant} ${user}`)
    else this.limits.set(`${tenant} ${user}`, month)
    return succeeded(undefined)
  }

  perUser(): ReturnType<OwnBudgets['perUser']> {
    return { month: 20e9, atEnd: 'slow' }
  }

  paidBy({ user }: Owner): ReturnType<OwnBudgets['paidBy']> {
    if (user !== '@alice:example.org') return []
    const group = (name: string, ...users: string[]) => ({
      group: { name, users, month: 100e9 },
      used: { month: 12_345_678_901 },
    })
    return [group('family', user, 'bob', 'carol'), group('couple', user, 'bob', 'bob')]
  }

  limitsOf(): ReturnType<OwnBudgets['limitsOf']> {
    return Array.from(this.limits.values(), month => ({ homeserver: 'example.org', month }))
  }

  forget(): void {
    this.limits.clear()
  }

  clear(): void {
    this.limits.clear()
  }
}

/** One day of one user. */
function fakeLedger({ asked }: FakeControl): UsageControl {
  const sums = { bytesToPeer: 1, packetsToPeer: 2, bytesToClient: 3, packetsToClient: 4 }
  const row = { start: 86_400, ...sums, allocations: 5, milliseconds: 6, refusals: 7 }
  const called = { homeserver: 'example.org', user: 'user1', transport: 'udp', family: 4 }
  return {
    usage: async question => {
      asked.push(`usage ${JSON.stringify(question)}`)
      return { rows: [question.per.length > 0 ? { ...row, ...called } : row], more: false }
    },
    soFar: async question => {
      asked.push(`so far ${JSON.stringify(question)}`)
      return { rows: [{ ...row, start: question.from + 86_400 }], more: false }
    },
    report: async question => {
      asked.push(`report ${JSON.stringify(question)}`)
      const { homeserver, user } = called
      return {
        rows: [
          { ...row, homeserver },
          { ...row, homeserver, user },
        ],
        more: false,
      }
    },
    export: async user => {
      asked.push(`export ${user}`)
      return [{ span: 'day', ...row, ...called }]
    },
    forget: async user => {
      asked.push(`forget ${user}`)
      return 3
    },
    identitiesOf: () => ['user0', 'user1'],
    rotate: only => {
      asked.push(`rotate ${only}`)
      return succeeded(2)
    },
  }
}
