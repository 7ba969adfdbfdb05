import type { BudgetLeft, Increase, Share, Vitals } from './vitals.ts'

/** `bad` costs calls now or within days, `warn` will, or costs some. */
export type Level = 'bad' | 'warn'

/** What is said of a condition; `values` fill its text. */
export interface Sign {
  readonly level: Level
  /** True where new calls should go elsewhere: `/readyz` answers 503. */
  readonly turnsAway?: boolean
  readonly values?: Readonly<Record<string, string | number>>
}

/** A condition that an operator should know of. */
export interface Rule {
  /** Names it in the API, and its text in the catalogue. */
  readonly id: string
  /** The alerts of `deploy/prometheus` for the same condition, or why there is none. */
  readonly alerts: readonly string[] | { readonly none: string }
  /** True for what the configuration says, which is shown, but nobody is notified of it. */
  readonly isChosen?: true
  /** Comparisons as they also stand in these alerts. */
  readonly compares?: readonly string[]
  /** Empty where the condition does not hold. */
  look(vitals: Vitals): readonly Sign[]
}

const DAY = 86_400_000
const HOUR = 3_600_000
/** Days: by then a renewal, which happens at a third of the lifetime, has failed. */
const CERTIFICATE = { soon: 14, urgent: 3 }
/** Shares of what can run out: when to say it, and when new calls should go elsewhere. */
const NEAR = 0.8
const FULL = 0.95
/** The relay needs descriptors for itself too. */
const DESCRIPTORS_FULL = 0.9
/** Rejections in ten minutes that are no longer somebody's mistake. */
const MANY = 10
/** Packets dropped in ten minutes, as a share of all and at least so many. */
const DROPPED = { share: 0.01, least: 50 }
/** Answers a second that are held back. */
const FLOOD = 50
/** Share of the time that a thread may work. */
const BUSY = 0.85
/** Ticks in five minutes that may be late. */
const LATE = 3

const yes = (holds: boolean, sign: Sign): readonly Sign[] => (holds ? [sign] : [])

/** Whether most requests of the last ten minutes were rejected for one reason. */
function mostly(vitals: Vitals, read: (increase: Increase) => number, level: Level): readonly Sign[] {
  const increase = vitals.increase(10)
  const n = read(increase)
  return yes(n > MANY && n > increase.opened, { level, values: { n, opened: increase.opened } })
}

function share(vitals: Vitals, what: Share['what'], full: number, turnsAway: boolean): readonly Sign[] {
  return vitals.shares
    .filter(one => one.what === what && one.limit > 0 && one.used / one.limit >= NEAR)
    .map(({ name, used, limit }) => {
      const isFull = used / limit >= full
      return {
        level: isFull ? 'bad' : 'warn',
        turnsAway: turnsAway && isFull,
        values: { used, limit, share: used / limit, ...(name !== undefined && { name }) },
      }
    })
}

function dropped(vitals: Vitals, read: (increase: Increase) => number): readonly Sign[] {
  const increase = vitals.increase(10)
  const n = read(increase)
  const part = n / Math.max(1, increase.relayedPackets)
  return yes(n >= DROPPED.least && part > DROPPED.share, {
    level: 'warn',
    values: { n, share: Math.min(1, n / (n + increase.relayedPackets)) },
  })
}

/** Budgets of several people, which have names; of single users only a number is said. */
function budgets({ budgets }: Vitals, span: BudgetLeft['span'], isTotal: boolean): readonly Sign[] {
  return budgets
    .filter(
      ({ of, ...one }) => one.span === span && of.kind !== 'user' && (of.kind === 'everybody') === isTotal,
    )
    .map(({ of, used, limit }) => ({
      level: used >= limit ? 'bad' : 'warn',
      values: { share: used / limit, ...(of.name !== undefined && { name: of.name }) },
    }))
}

/** Why no alert asks for budgets: a relay without `notify` writes them to its log. */
const BUDGETS = { none: 'a limit that the operator has chosen; log and notifications tell of it' } as const

/** The conditions by which alerts, console, `taciturn status` and `/readyz` judgeHealth a relay. */
export const RULES: readonly Rule[] = [
  {
    id: 'not-listening',
    alerts: ['TaciturnNotReady'],
    look: ({ state }) => yes(state === 'starting', { level: 'bad', turnsAway: true }),
  },
  {
    id: 'stopping',
    alerts: { none: 'it ends within seconds' },
    look: ({ state }) => yes(state === 'stopping', { level: 'warn', turnsAway: true }),
  },
  {
    id: 'draining',
    alerts: ['TaciturnDrainingLong'],
    look: ({ state }) => yes(state === 'draining', { level: 'warn', turnsAway: true }),
  },
  {
    id: 'address-missing',
    alerts: ['TaciturnNotReady'],
    look: ({ waiting }) =>
      waiting.map(({ key, values }) => ({ level: 'bad', turnsAway: true, values: { why: key, ...values } })),
  },
  {
    id: 'ports-unmapped',
    alerts: ['TaciturnNotReady'],
    look: ({ unmapped }) =>
      unmapped ? [{ level: 'bad', turnsAway: true, values: { why: unmapped.key, ...unmapped.values } }] : [],
  },
  {
    id: 'workers',
    alerts: ['TaciturnWorkerMissing'],
    look: ({ workers }) =>
      yes(workers.missing > 0, { level: 'bad', turnsAway: true, values: { n: workers.missing } }),
  },
  {
    id: 'ports',
    alerts: ['TaciturnPortsScarce'],
    compares: [`> ${NEAR}`],
    look: vitals => share(vitals, 'ports', FULL, true),
  },
  {
    id: 'sessions',
    alerts: ['TaciturnAllocationsScarce'],
    compares: [`> ${NEAR}`],
    look: vitals => share(vitals, 'sessions', FULL, true),
  },
  {
    id: 'descriptors',
    alerts: ['TaciturnDescriptorsScarce'],
    compares: [`> ${NEAR}`],
    look: vitals => share(vitals, 'descriptors', DESCRIPTORS_FULL, true),
  },
  {
    id: 'memory',
    alerts: ['TaciturnNotReady'],
    look: ({ isShortOfMemory }) => yes(isShortOfMemory, { level: 'bad', turnsAway: true }),
  },
  {
    id: 'connections',
    alerts: ['TaciturnConnectionsScarce'],
    compares: [`> ${NEAR}`],
    look: vitals => share(vitals, 'connections', FULL, false),
  },
  {
    id: 'homeserver-sessions',
    alerts: ['TaciturnHomeserverAllocationsScarce'],
    compares: [`> ${NEAR}`],
    look: vitals => share(vitals, 'homeserver-sessions', FULL, false),
  },
  { id: 'budget-day', alerts: BUDGETS, look: vitals => budgets(vitals, 'day', false) },
  { id: 'budget-month', alerts: BUDGETS, look: vitals => budgets(vitals, 'month', false) },
  { id: 'budget-all-day', alerts: BUDGETS, look: vitals => budgets(vitals, 'day', true) },
  { id: 'budget-all-month', alerts: BUDGETS, look: vitals => budgets(vitals, 'month', true) },
  {
    id: 'budget-users',
    alerts: BUDGETS,
    look: ({ budgets }) => {
      const n = budgets.filter(({ of, used, limit }) => of.kind === 'user' && used >= limit).length
      return yes(n > 0, { level: 'warn', values: { n } })
    },
  },
  {
    id: 'no-capacity',
    alerts: ['TaciturnCapacityRejected'],
    compares: [`> ${MANY}`],
    look: vitals => {
      const { noCapacity: n } = vitals.increase(10)
      return yes(n > MANY, { level: 'bad', values: { n } })
    },
  },
  {
    id: 'certificate-expired',
    alerts: ['TaciturnCertificateEnds', 'TaciturnNotReady'],
    look: ({ certificateExpires: at, now }) =>
      at === undefined ? [] : yes(at <= now, { level: 'bad', turnsAway: true, values: { at } }),
  },
  {
    id: 'certificate',
    alerts: ['TaciturnCertificateEndsSoon', 'TaciturnCertificateEnds'],
    compares: [`< ${CERTIFICATE.soon} * 86400`, `< ${CERTIFICATE.urgent} * 86400`],
    look: ({ certificateExpires: at, now }) => {
      if (at === undefined || at <= now) return []
      const left = (at - now) / DAY
      const level = left < CERTIFICATE.urgent ? 'bad' : 'warn'
      return yes(left < CERTIFICATE.soon, { level, values: { n: Math.floor(left), at } })
    },
  },
  {
    id: 'certificate-awaited',
    alerts: { none: 'a renewal has a third of the lifetime left for it, and then the alerts above come' },
    look: ({ certificateWaiting: waiting, certificateExpires: until, now }) =>
      waiting
        ? [
            {
              level: until === undefined || until <= now ? 'bad' : 'warn',
              values: { why: waiting.key, ...waiting.values },
            },
          ]
        : [],
  },
  {
    id: 'no-tls',
    isChosen: true,
    alerts: { none: 'a choice in the configuration, which does not change by itself' },
    look: ({ certificateExpires, certificateWaiting }) =>
      yes(certificateExpires === undefined && !certificateWaiting, { level: 'warn' }),
  },
  {
    id: 'only-private',
    isChosen: true,
    alerts: { none: 'a choice in the configuration, which does not change by itself' },
    look: ({ onlyPrivate }) => yes(onlyPrivate, { level: 'warn' }),
  },
  {
    id: 'address-changed',
    alerts: { none: 'the relay follows by itself; it is said for an hour because calls were lost' },
    look: ({ addressChange: change, now }) =>
      change && now - change.at < HOUR
        ? [{ level: 'warn', values: { at: change.at, from: change.from, to: change.to } }]
        : [],
  },
  {
    id: 'reload',
    alerts: ['TaciturnReloadFailed'],
    compares: ['== 0'],
    look: ({ lastReload: { ok, at } }) => yes(!ok, { level: 'warn', values: { at } }),
  },
  {
    id: 'wrong-secret',
    alerts: ['TaciturnWrongSecret'],
    compares: [`> ${MANY}`, '[10m]'],
    look: vitals => mostly(vitals, ({ wrongSecret }) => wrongSecret, 'bad'),
  },
  {
    id: 'unknown-user',
    alerts: ['TaciturnUnknownUser'],
    compares: [`> ${MANY}`, '[10m]'],
    look: vitals => mostly(vitals, ({ unknownUser }) => unknownUser, 'bad'),
  },
  {
    id: 'expired',
    alerts: ['TaciturnCredentialsExpired'],
    compares: [`> ${MANY}`, '[10m]'],
    look: vitals => mostly(vitals, ({ expired }) => expired, 'warn'),
  },
  {
    id: 'over-rate',
    alerts: ['TaciturnBitrateDrops'],
    compares: [`> ${DROPPED.share}`, '[10m]'],
    look: vitals => dropped(vitals, ({ overRate }) => overRate),
  },
  {
    id: 'not-sent',
    alerts: ['TaciturnSendDrops'],
    compares: [`> ${DROPPED.share}`, '[10m]'],
    look: vitals => dropped(vitals, ({ notSent }) => notSent),
  },
  {
    id: 'flood',
    alerts: ['TaciturnUnverifiedFlood'],
    compares: [`> ${FLOOD}`, '[5m]'],
    look: vitals => {
      const { unverified, seconds } = vitals.increase(5)
      // A second of a young relay is not a rate yet.
      const rate = unverified / Math.max(60, seconds)
      return yes(rate > FLOOD, { level: 'warn', values: { rate: Math.round(rate) } })
    },
  },
  {
    id: 'faults',
    alerts: ['TaciturnFaults'],
    compares: ['[15m]', '> 0'],
    look: vitals => {
      const { faults: n } = vitals.increase(15)
      return yes(n > 0, { level: 'warn', values: { n } })
    },
  },
  {
    id: 'cpu',
    alerts: ['TaciturnCpuBusy'],
    compares: [`> ${BUSY}`, '[5m]'],
    look: vitals => {
      const { cpuSeconds, seconds } = vitals.increase(5)
      const part = cpuSeconds / Math.max(60, seconds) / Math.max(1, vitals.workers.running)
      return yes(part > BUSY, { level: 'warn', values: { share: Math.min(1, part) } })
    },
  },
  {
    id: 'event-loop',
    alerts: ['TaciturnEventLoopSlow'],
    compares: ['> 0.2'],
    look: vitals => {
      const { lateTicks: n } = vitals.increase(5)
      return yes(n > LATE, { level: 'warn', values: { n } })
    },
  },
]
