import type { Via } from '../base/via.ts'

/*
 * What an operator sees of a running relay: the shapes that the API answers
 * with, that the live feed sends and that the console draws. They are plain
 * JSON. Times are milliseconds since the epoch, rates are per second, traffic
 * is counted in payload octets. Nobody's name or address is in any of them:
 * `user` and `client` are pseudonyms that hold for one day.
 */

export interface FlowView {
  readonly packets: number
  readonly bytes: number
}

export interface TrafficView {
  readonly toPeer: FlowView
  readonly toClient: FlowView
}

export interface HomeserverView {
  readonly name: string
  readonly paused: boolean
  readonly allocations: number
  /** `homeservers[].limits.allocations`, where it is set. */
  readonly limit?: number
  readonly opened: number
  readonly issued: number
  /** Of allocations that have ended and of those that live. */
  readonly bytesToPeer: number
  readonly bytesToClient: number
}

/** The relay as a whole. Totals count from the start of the process. */
export interface Status {
  readonly version: string
  readonly realm: string
  readonly at: number
  readonly started: number
  readonly state: 'starting' | 'serving' | 'draining' | 'stopping'
  /** Why new calls should go elsewhere, in words; empty when they may come. */
  readonly notReady: readonly string[]
  readonly udp: 'native' | 'dgram'
  readonly workers: { readonly running: number; readonly missing: number }
  /** As URLs: `udp://0.0.0.0:3478`. */
  readonly listening: readonly string[]
  readonly relays: readonly { readonly local: string; readonly public: string }[]
  readonly allocations: {
    readonly live: number
    readonly limit: number
    readonly opened: number
    readonly byTransport: Readonly<Record<Via, number>>
  }
  readonly users: number
  readonly ports: { readonly used: number; readonly total: number }
  readonly descriptors?: { readonly open: number; readonly limit: number }
  /** What was relayed in the last second. */
  readonly rate: TrafficView
  readonly traffic: TrafficView
  /** Datagrams that were not relayed, by reason, since the start. */
  readonly dropped: Readonly<Record<string, number>>
  /** Requests that were refused, by reason, since the start. */
  readonly rejected: Readonly<Record<string, number>>
  readonly closed: Readonly<Record<string, number>>
  readonly homeservers: readonly HomeserverView[]
  readonly certificate?: { readonly expires: number }
  readonly reload: { readonly ok: boolean; readonly at: number; readonly problems: readonly string[] }
  readonly process: {
    readonly rss: number
    /** Share of one core in the last second. */
    readonly cpu: number
  }
}

/** One allocation. */
export interface SessionView {
  /** Names it as long as it lives; no other has this id while the process runs. */
  readonly id: string
  readonly homeserver: string
  /** Pseudonym; empty for a credential that names nobody. */
  readonly user: string
  /** Pseudonym of the client's IP address. */
  readonly client: string
  readonly transport: Via
  readonly clientFamily: 4 | 6
  readonly relayed: readonly string[]
  readonly since: number
  readonly expires: number
  readonly permissions: number
  readonly channels: number
  readonly rate: TrafficView
  readonly traffic: TrafficView
  /** Datagrams of this allocation that were dropped by a limit on its bit rate or a slow connection. */
  readonly dropped: number
}

/** Traffic over time; `points` are oldest first, one every `step` seconds. */
export interface History {
  readonly step: number
  readonly points: readonly HistoryPoint[]
}

export interface HistoryPoint {
  readonly at: number
  /** At the end of the step. */
  readonly allocations: number
  /** These and all below are a second, averaged over the step. */
  readonly bytesToPeer: number
  readonly bytesToClient: number
  /** Both directions. */
  readonly packets: number
  readonly dropped: number
  readonly rejected: number
}

/** `GET /api/v1/sessions`: the busiest first. */
export interface SessionList {
  readonly sessions: readonly SessionView[]
  /** Sessions that were asked for and are not in the list. */
  readonly more: number
}

/** `GET /api/v1/history`. */
export interface HistoryView {
  /** Ten minutes by the second. */
  readonly recent: History
  /** A day by the minute. */
  readonly day: History
}

/** `POST /api/v1/names`: who is behind pseudonyms and sessions. Those who have gone are not in it. */
export interface NamesView {
  /** Names by pseudonym. */
  readonly users: Readonly<Record<string, string>>
  /** By id of the session. `client` is address and port that the client talks to us from. */
  readonly sessions: Readonly<Record<string, { readonly user: string; readonly client: string }>>
}

/** `POST /api/v1/reload`. */
export interface Reloaded {
  /** False: the file is broken, or the reload was refused; the configuration in use stays. */
  readonly ok: boolean
  /** Why nothing was read. */
  readonly refused?: 'draining' | 'stopping'
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  /** Keys that have changed and need a restart. */
  readonly restart: readonly string[]
}

/** `POST /api/v1/links`. */
export interface LinkView {
  readonly url: string
  readonly expires: number
}

/** `POST /api/v1/test/start {code}`: what the test page needs to begin. The code is used up by it. */
export interface TestStart {
  /** Names this test in the other requests of the page; whoever has it may see the test. */
  readonly handle: string
  readonly realm: string
  /** As `RTCPeerConnection` takes them; one entry for each way of reaching the relay. */
  readonly iceServers: readonly {
    readonly urls: string
    readonly username: string
    readonly credential: string
  }[]
  /** When the credential ends. */
  readonly expires: number
}

/** What the relay saw of one test, by one transport and address family. */
export interface TestWay {
  readonly transport: Via
  readonly family: 4 | 6
  /** Address and port as they reached the relay, the last ones. */
  readonly client: string
  /** Requests without credentials, which are answered with a challenge: how every session begins. */
  readonly challenged: number
  /** Allocations that were opened. */
  readonly opened: number
  /** Requests that were refused, by reason. */
  readonly refused: Readonly<Record<string, number>>
  readonly traffic: TrafficView
}

/** `GET /api/v1/test/{handle}`. */
export interface TestView {
  /** Address of the browser as the console's listener saw it; a reverse proxy's where one stands in front. */
  readonly client: string
  readonly started: number
  /** Empty: nothing has reached the relay, so something on the way holds it back. */
  readonly ways: readonly TestWay[]
}

/** `POST /api/v1/test/{handle}/result` with whatever the browser measured, at most 16 kB. */
export interface TestCode {
  /** What to tell the operator: `KIWI-4821`. */
  readonly code: string
  readonly expires: number
}

/** `GET /api/v1/test-results/{code}`. */
export interface TestResult {
  readonly code: string
  readonly at: number
  readonly measured: unknown
  readonly server: TestView
}

/** Every answer of the API that is no success. */
export interface ApiError {
  readonly error: string
  /** What mends it. */
  readonly hint: string
}

/** A line of the access log: who looked at personal data or did something, and when. */
export interface AccessEntry {
  readonly at: string
  /** Name of the token, or `uid:1000` for somebody at the control socket. */
  readonly who: string
  readonly from: 'socket' | 'http' | 'console'
  readonly what: string
  readonly on?: string
  readonly outcome: 'done' | 'refused' | 'failed'
}

/** What the live feed sends, each as one text message of JSON. */
export type FeedMessage =
  | {
      readonly type: 'snapshot'
      /** Changes with every start of the relay; a `seq` means nothing under another epoch. */
      readonly epoch: string
      readonly seq: number
      readonly rights: 'read' | 'act'
      readonly status: Status
      /** The busiest first; at most 500. */
      readonly sessions: readonly SessionView[]
      /** Sessions that are not in the list. */
      readonly more: number
      readonly history: { readonly recent: History; readonly day: History }
    }
  | {
      readonly type: 'delta'
      readonly seq: number
      /** Of the top level, only what has changed. */
      readonly status: Partial<Status>
      readonly opened: readonly SessionView[]
      /** Of each session, only what has changed, and its id. */
      readonly changed: readonly (Partial<SessionView> & { readonly id: string })[]
      readonly closed: readonly string[]
      readonly more: number
      /** The point for this second. */
      readonly point: HistoryPoint
    }
  | { readonly type: 'refused'; readonly why: string }

/** What a client of the feed sends, within five seconds of connecting, and nothing else after it. */
export interface FeedHello {
  readonly type: 'hello'
  readonly token: string
  /** To go on where one was: those of the last message. */
  readonly epoch?: string
  readonly seq?: number
}
