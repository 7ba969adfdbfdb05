import type { TestView } from '../../control/view.ts'
import { browserSide, measured, relaySide, sentence } from './say.ts'
import type { Verdict, WayVerdict } from './verdict.ts'
import type { TestWords } from './words.ts'

export interface Finished {
  readonly ways: readonly WayVerdict[]
  readonly server: TestView | undefined
  readonly verdict: Verdict
  readonly at: number
  readonly browser: string
  /** Without the code that the link carries. */
  readonly page: string
}

/** The result as plain text, to send to somebody. */
export function report({ ways, server, verdict, at, browser, page }: Finished, words: TestWords): string {
  const { say, format } = words
  return [
    `taciturn – ${say('title')}: ${say(`score.${verdict.score}`)}`,
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
    `${say('report.page')}: ${page}`,
    `${say('report.browser')}: ${browser}`,
  ].join('\n')
}
