/** What the relay that is looked at is told. */
export interface LookedAt {
  readonly port: number
  readonly metrics: number
  readonly console: number
  readonly allocations: number
  /** Of the caller whose stream is measured, and of all the others. */
  readonly secrets: { readonly caller: string; readonly crowd: string }
  readonly token: string
  readonly state: string
  readonly udp: string
}

/** Its configuration; what changes may be changed by a reload. */
export function settings(
  { port, metrics, console, allocations, secrets, token, state, udp }: LookedAt,
  changed: { readonly bitratePerUser?: string; readonly withoutCrowd?: boolean } = {},
) {
  const { bitratePerUser = '64 Mbit/s', withoutCrowd = false } = changed
  const most = allocations + 100
  return {
    realm: 'looks.example.org',
    listen: [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`],
    relay: { addresses: ['127.0.0.1'], ports: '30000-65000' },
    homeservers: [
      { name: 'looks', secrets: [secrets.caller] },
      ...(withoutCrowd ? [] : [{ name: 'crowd', secrets: [secrets.crowd] }]),
    ],
    peers: { deny: ['recommended'], allow: ['127.0.0.0/8'] },
    limits: {
      allocations: most,
      allocationsPerUser: most,
      allocationsPerAddress: most,
      connections: most,
      connectionsPerAddress: most,
      allocationsPerUserPerMinute: 'unlimited',
      requestsPerUserPerSecond: 'unlimited',
      unverifiedAnswers: 'unlimited',
      unverifiedAnswersPerNetwork: 'unlimited',
      bitratePerUser,
    },
    metrics: `http://127.0.0.1:${metrics}`,
    console: {
      listen: `http://127.0.0.1:${console}`,
      tokens: [{ name: 'bench', token, rights: 'act' }],
    },
    control: false,
    workers: 1,
    udp,
    log: { level: 'error' },
    state,
  }
}

/** So many bans as `bans.json` has them, each of an address that nobody has. */
export function bansOf(count: number) {
  const since = Date.now()
  return Array.from({ length: count }, (_, i) => ({
    network: `203.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
    since,
    until: since + 86_400_000,
    by: 'bench',
  }))
}
