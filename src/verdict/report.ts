import type { TestResult, TestView } from '../control/view.ts'
import { browserSide, measured, relaySide, sentence } from './say.ts'
import type { Verdict, WayVerdict } from './verdict.ts'
import type { TestWords } from './words.ts'

export interface Finished {
  readonly ways: readonly WayVerdict[]
  readonly server: TestView | undefined
  readonly verdict: Verdict
  readonly at: number
  readonly browser: string
  /** Where it was run, without the code that the link carries; an operator does not know it. */
  readonly page?: string
}

/** What the operator looks up, as the page that ran the test had it. */
export function finishedOf({ measured, server, at }: TestResult): Finished {
  const { ways, score, remarks, browser } = measured
  return { ways, server, verdict: { score, remarks }, at, browser }
}

/** The result as plain text, to send to somebody. */
export function report({ ways, server, verdict, at, browser, page }: Finished, words: TestWords): string {
  const { say, format } = words
  return [
    `taciturn – ${say('title')}: ${say(`score.${verdict.score}`)}`,
    say(`score.${verdict.score}.why`),
    ...verdict.remarks.map(remark => `- ${sentence(remark, words)}`),
    '',
    ...ways.flatMap(way => [
      way.uri,
      `  ${say('table.browser')}: ${browserSide(way, words)}`,
      `  ${say('table.relay')}: ${relaySide(way.transport, server, words)}`,
      `  ${say('table.quality')}: ${measured(way, words)}`,
    ]),
    '',
    `${say('report.when')}: ${format.dateTime(at)}`,
    ...(server && server.client !== '' ? [`${say('report.address')}: ${server.client}`] : []),
    ...(page === undefined ? [] : [`${say('report.page')}: ${page}`]),
    `${say('report.browser')}: ${browser}`,
  ].join('\n')
}
