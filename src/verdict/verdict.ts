import type { TestMeasured, TestView } from '../control/view.ts'
import { lossOf } from './measure.ts'
import { readTestUri, type TestTransport } from './uri.ts'

/** What the browser found out about one way to the relay; described in `control/tests/test-shapes.ts`. */
export type WayVerdict = TestMeasured['ways'][number]

/** In the words of voip-tester, which calls it excellent when TLS on 443 works too. */
export type Score = TestMeasured['score']

/** A sentence about the result; the catalogue has its words. */
export type Remark = TestMeasured['remarks'][number]

export interface Verdict {
  readonly score: Score
  readonly remarks: readonly Remark[]
}

/** Where sound begins to suffer (ITU-T G.114 for the delay), and where it is no use any more. */
const LOSS_WEAK = 0.03
const LOSS_BAD = 0.1
const DELAY_WEAK = 300
const DELAY_BAD = 800
const JITTER_WEAK = 50
/** No STUN error, but what a browser says when nobody answered. */
const NO_ANSWER = 701
/** What Chromium says of a name that it could not look up, or not in time. */
const LOOKUP = /host lookup/i

/** How good one way is. */
export function gradeOf({ connected, quality }: WayVerdict): 'good' | 'weak' | 'bad' {
  if (!connected || !quality) return 'bad'
  const loss = lossOf(quality)
  const { delay = 0 } = quality
  return loss >= LOSS_WEAK || delay >= DELAY_WEAK || quality.jitter >= JITTER_WEAK ? 'weak' : 'good'
}

/** The relay stopped answering during the test, so what went wrong says nothing about the network. */
export const RELAY_GONE: Verdict = { score: 'unfinished', remarks: [{ say: 'relay-gone' }] }

/** Puts both views together: what works, what does not, and whose firewall it is. */
export function judge(ways: readonly WayVerdict[], server: TestView | undefined): Verdict {
  const working = ways.filter(({ connected }) => connected)
  const works = new Set(working.map(({ transport }) => transport))
  const tried = new Set(ways.map(({ transport }) => transport))
  const remarks: Remark[] = []

  if (working.length === ways.length && ways.length > 0) remarks.push({ say: 'all' })
  const hosts = ways.filter(isNameless).map(({ uri }) => readTestUri(uri)?.host ?? uri)
  for (const host of new Set(hosts)) remarks.push({ say: 'no-name', host })
  const other = ways.filter(way => !way.connected && !isNameless(way))
  if (working.length === 0 && other.length > 0 && server && server.ways.length === 0)
    remarks.push({ say: 'none-arrived' })
  for (const transport of tried)
    if (!works.has(transport) && other.some(way => way.transport === transport))
      remarks.push(...whyNot(transport, ways, [...works], server))
  for (const transport of works) remarks.push(...complaints(transport, working))
  return { score: scoreOf(working, works), remarks }
}

function isNameless({ connected, error }: WayVerdict): boolean {
  return !connected && error?.code === NO_ANSWER && LOOKUP.test(error.text)
}

function whyNot(
  transport: TestTransport,
  ways: readonly WayVerdict[],
  others: readonly TestTransport[],
  server: TestView | undefined,
): Remark[] {
  const mine = ways.filter(way => way.transport === transport)
  const seen = server?.ways.filter(way => way.transport === transport) ?? []
  const refused = seen.flatMap(way => Object.keys(way.refused))[0]
  const code = mine.find(({ error }) => error && error.code !== NO_ANSWER)?.error
  if (mine.some(({ candidate }) => candidate)) return [{ say: 'no-call', way: transport }]
  if (refused !== undefined) return [{ say: 'refused', code: refused }]
  if (code) return [{ say: 'refused', code: `${code.code} ${code.text}`.trim() }]
  if (seen.length > 0) return [{ say: 'answers-lost', way: transport }]
  if (others.length === 0) return []
  return transport === 'udp' ? [{ say: 'udp-blocked', others }] : [{ say: `${transport}-blocked` }]
}

function complaints(transport: TestTransport, working: readonly WayVerdict[]): Remark[] {
  const qualities = working.flatMap(way => (way.transport === transport && way.quality ? [way.quality] : []))
  const best = qualities.toSorted((a, b) => lossOf(a) - lossOf(b) || (a.delay ?? 0) - (b.delay ?? 0))[0]
  if (!best) return []
  const remarks: Remark[] = []
  const loss = lossOf(best)
  if (loss >= LOSS_WEAK) remarks.push({ say: 'loss', way: transport, value: loss })
  const { delay = 0 } = best
  if (delay >= DELAY_WEAK) remarks.push({ say: 'delay', way: transport, value: delay })
  if (best.jitter >= JITTER_WEAK) remarks.push({ say: 'jitter', way: transport, value: best.jitter })
  return remarks
}

function scoreOf(working: readonly WayVerdict[], works: ReadonlySet<TestTransport>): Score {
  if (working.length === 0) return 'fail'
  const good = working.filter(way => gradeOf(way) === 'good')
  if (good.length === 0) {
    const bearable = ({ quality }: WayVerdict) =>
      quality && lossOf(quality) < LOSS_BAD && (quality.delay ?? 0) < DELAY_BAD
    return working.some(bearable) ? 'fair' : 'poor'
  }
  const everywhere = good.some(({ transport, port }) => transport === 'tls' && port === 443)
  const direct = good.some(({ transport }) => transport === 'udp')
  if (everywhere && direct) return 'excellent'
  if (direct || everywhere) return works.size > 1 || direct ? 'good' : 'fair'
  return 'fair'
}
