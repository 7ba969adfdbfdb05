import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import { formatAddress, formatIp } from '../../base/address.ts'
import { addTraffic, noTraffic, type Traffic } from '../../base/route.ts'
import type { Via } from '../../base/via.ts'
import type { Event } from '../../core/event.ts'
import { BoundedMap } from '../../limits/bounded-map.ts'
import { CODE_WORDS } from '../code-words.ts'
import type { TestCode, TestMeasured, TestResult, TestStart, TestView, TestWay } from '../view.ts'

/** Seconds that the credential of a test is good for, and that its requests are attributed to it. */
const CREDENTIAL = 600
/** Milliseconds that a test can be looked at. */
const TEST_LIFE = 1_800_000
const RESULT_LIFE = 86_400_000
const MOST_LINKS = 64
const MOST_TESTS = 32
const MOST_RESULTS = 200
/** Requests without credentials that are remembered while a test runs. */
const MOST_UNSIGNED = 512

export interface TestRunsParts {
  readonly realm: string
  /** The relay's own TURN URIs, best first. */
  uris(): readonly string[]
  /** Makes a credential for a user whose name begins with `test:`. */
  credential(user: string, seconds: number): { readonly username: string; readonly password: string }
  /** Milliseconds of a clock that nobody sets, for how long something is good; `date`: the same by the calendar. */
  readonly now?: () => number
  readonly date?: () => number
}

interface TestLink {
  readonly hash: Buffer
  uses: number
}

interface Way {
  readonly transport: Via
  readonly family: 4 | 6
  client: string
  opened: number
  readonly refused: Record<string, number>
  /** What ended allocations carried. */
  readonly traffic: Traffic
}

interface Test {
  readonly hash: Buffer
  readonly user: string
  readonly client: string
  readonly started: number
  /** The same for people. */
  readonly date: number
  /** IP addresses that the test has proved to come from. */
  readonly ips: Set<string>
  readonly ways: Map<string, Way>
  /** Live allocations, and what each belongs to. */
  readonly live: Map<number, Way>
}

interface Unsigned {
  readonly ip: string
  readonly client: string
  readonly transport: Via
  readonly family: 4 | 6
  readonly at: number
}

/**
 * Tests that users of the relay run in their browsers, by one-time links: what
 * each may do, and what the relay sees of it. Everything is kept in memory,
 * bounded and for a while. Requests without credentials say nothing of whose
 * they are, so they count for a test that has come from the same address.
 */
export class TestRuns {
  readonly #parts: TestRunsParts
  readonly #now: () => number
  readonly #date: () => number
  /** By hash, in base64. */
  readonly #links = new BoundedMap<string, TestLink>(MOST_LINKS)
  /** By user. */
  readonly #tests = new BoundedMap<string, Test>(MOST_TESTS)
  /** In the order in which they came. */
  readonly #unsigned = new BoundedMap<number, Unsigned>(MOST_UNSIGNED)
  #came = 0
  readonly #results = new BoundedMap<string, TestResult>(MOST_RESULTS)

  constructor(parts: TestRunsParts) {
    this.#parts = parts
    this.#now = parts.now ?? (() => performance.now())
    this.#date = parts.date ?? Date.now
  }

  /** Makes a code that lets somebody run so many tests. */
  link(seconds: number, uses: number): { readonly code: string; readonly expires: number } {
    const code = randomBytes(12).toString('base64url')
    this.#sweep()
    const hash = digest(code)
    this.#links.set(hash.toString('base64'), { hash, uses }, this.#now() + seconds * 1000)
    return { code, expires: this.#date() + seconds * 1000 }
  }

  /** How many tests a code is still good for. */
  left(code: string): number {
    return among(this.#links.entries(this.#now()), code)?.uses ?? 0
  }

  /** Begins a test; undefined when the code is not good, or not any more. */
  start(code: string, client: string): TestStart | undefined {
    this.#sweep()
    const now = this.#now()
    const link = among(this.#links.entries(now), code)
    if (!link) return undefined
    if (--link.uses === 0) this.#links.delete(link.hash.toString('base64'))
    const handle = randomBytes(18).toString('base64url')
    const user = `test:${randomBytes(6).toString('hex')}`
    const { username, password } = this.#parts.credential(user, CREDENTIAL)
    const test: Test = {
      hash: digest(handle),
      user,
      client,
      started: now,
      date: this.#date(),
      ips: new Set(client === '' ? [] : [client]),
      ways: new Map(),
      live: new Map(),
    }
    this.#tests.set(user, test, now + TEST_LIFE)
    return {
      handle,
      realm: this.#parts.realm,
      iceServers: this.#parts.uris().map(urls => ({ urls, username, credential: password })),
      expires: test.date + CREDENTIAL * 1000,
      left: link.uses,
    }
  }

  /** Takes note of what the relay tells, if it is about a test. */
  hear(event: Event): void {
    if (this.#tests.size === 0) return
    switch (event.kind) {
      case 'opened': {
        const test = this.#of(event.owner.user)
        if (!test) return
        const way = wayOf(test, event.via, event.client.family, formatAddress(event.client))
        way.opened++
        test.live.set(event.allocation, way)
        test.ips.add(formatIp(event.client.ip))
        return
      }
      case 'closed': {
        const test = this.#of(event.owner.user)
        const way = test?.live.get(event.allocation)
        if (way) addTraffic(way.traffic, event.traffic)
        test?.live.delete(event.allocation)
        return
      }
      case 'rejected':
        this.#rejected(event)
    }
  }

  /** Whether there is a test of this handle. */
  knows(handle: string): boolean {
    return among(this.#tests.entries(this.#now()), handle) !== undefined
  }

  /** `traffic` tells what a live allocation has carried. */
  view(handle: string, traffic: (allocation: number) => Traffic | undefined): TestView | undefined {
    this.#sweep()
    const test = among(this.#tests.entries(this.#now()), handle)
    return test && this.#view(test, traffic)
  }

  /** Keeps what the browser measured, for the operator to look up by a short code. */
  finish(
    handle: string,
    measured: TestMeasured,
    traffic: (allocation: number) => Traffic | undefined,
  ): TestCode | undefined {
    const server = this.view(handle, traffic)
    if (!server) return undefined
    let code: string
    do code = `${CODE_WORDS[randomInt(CODE_WORDS.length)]}-${randomInt(1000, 10_000)}`
    while (this.#results.has(code, this.#now()))
    const at = this.#date()
    this.#results.set(code, { code, at, measured, server }, this.#now() + RESULT_LIFE)
    return { code, expires: at + RESULT_LIFE }
  }

  /** By the code as people write it when they hear it: `kiwi 4821`, `KIWI4821`. */
  result(code: string): TestResult | undefined {
    this.#sweep()
    const [, word, number] = /^([A-Z]+)([0-9]+)$/.exec(code.toUpperCase().replaceAll(/[^A-Z0-9]/g, '')) ?? []
    return this.#results.get(`${word}-${number}`, this.#now())
  }

  #rejected(event: Extract<Event, { kind: 'rejected' }>): void {
    const client = formatAddress(event.from)
    const { via, from } = event
    if (event.username === undefined) {
      const at = this.#now()
      const seen = { ip: formatIp(from.ip), client, transport: via, family: from.family, at }
      this.#unsigned.set(this.#came++, seen, at + TEST_LIFE)
      return
    }
    const test = this.#of(event.username.slice(event.username.indexOf(':') + 1))
    if (!test) return
    const way = wayOf(test, via, from.family, client)
    way.refused[event.why] = (way.refused[event.why] ?? 0) + 1
    test.ips.add(formatIp(from.ip))
  }

  #of(user: string): Test | undefined {
    return this.#tests.get(user, this.#now())
  }

  #view(test: Test, traffic: (allocation: number) => Traffic | undefined): TestView {
    const theirs = Array.from(this.#unsigned.entries(this.#now()), ([, seen]) => seen).filter(
      ({ ip, at }) => test.ips.has(ip) && at >= test.started,
    )
    // What came by a way that got no further is what a user has to know of most.
    for (const { transport, family, client } of theirs) wayOf(test, transport, family, client)
    const ways = [...test.ways.values()].map((way): TestWay => {
      const sum = noTraffic()
      addTraffic(sum, way.traffic)
      for (const [allocation, of] of test.live) {
        const carried = of === way ? traffic(allocation) : undefined
        if (carried) addTraffic(sum, carried)
      }
      const { transport, family, client, opened, refused } = way
      const challenged = theirs.filter(one => one.transport === transport && one.family === family).length
      return { transport, family, client, challenged, opened, refused: { ...refused }, traffic: sum }
    })
    return { client: test.client, started: test.date, ways }
  }

  #sweep(): void {
    const now = this.#now()
    for (const kept of [this.#links, this.#tests, this.#unsigned, this.#results]) kept.forget(now)
  }
}

function wayOf(test: Test, transport: Via, family: 4 | 6, client: string): Way {
  const key = `${transport} ${family}`
  const known = test.ways.get(key)
  if (known) {
    known.client = client
    return known
  }
  const way = { transport, family, client, opened: 0, refused: {}, traffic: noTraffic() }
  test.ways.set(key, way)
  return way
}

/** The one whose secret this is, compared as hashes and with all of them. */
function among<T extends { readonly hash: Buffer }>(
  all: Iterable<readonly [key: string, one: T, until: number]>,
  secret: string,
): T | undefined {
  const hash = digest(secret)
  let found: T | undefined
  for (const [, one] of all) if (timingSafeEqual(one.hash, hash)) found = one
  return found
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
