import type { LoadFault } from '../../load/fault.ts'
import type { RoundStep } from '../../load/round.ts'
import type { CliWords } from '../words.ts'

/** Where a benchmark is, for the progress line. */
export function stepText(step: RoundStep, { say, format }: CliWords): string {
  switch (step.kind) {
    case 'open':
      return say('bench.step.open', { open: step.open, total: step.total })
    case 'search':
      return say(`bench.step.search.${step.unit}`, { n: format.integer(step.tried) })
    default:
      return say(`bench.step.${step.kind}`)
  }
}

/** Why a benchmark cannot go on, and what to do about it. */
export function faultText(fault: LoadFault, words: CliWords): string {
  const { say } = words
  const after = 'opened' in fault && fault.opened > 0 ? words.count('bench.after', fault.opened) : ''
  switch (fault.kind) {
    case 'refused': {
      const key = `bench.hint.${fault.code}`
      const hint = words.knows(key) ? say(key) : ''
      return say('bench.fault.refused', { request: fault.request, code: fault.code, after, hint })
    }
    case 'silent':
      return say('bench.fault.silent', { request: fault.request, why: fault.why, after })
    case 'sockets':
      return say('bench.fault.sockets', { code: fault.code, after })
    case 'connection':
    case 'generator':
      return say(`bench.fault.${fault.kind}`, { why: fault.why })
    case 'name':
      return say('bench.fault.name', { host: fault.host, why: fault.why })
    case 'missing':
      return fault.program === 'turnserver'
        ? say('bench.fault.missingCoturn')
        : say('bench.fault.missing', { program: fault.program })
    case 'start':
    case 'server-ended':
      // What the program wrote keeps its lines.
      return `${say(`bench.fault.${fault.kind}`, { server: fault.server })}\n${fault.output}`
    default:
      return say(`bench.fault.${fault.kind}`)
  }
}
