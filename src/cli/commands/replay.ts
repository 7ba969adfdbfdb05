import { createReadStream } from 'node:fs'
import { safeJson } from '../../log/printable.ts'
import type { Account } from '../../recording/account.ts'
import type { LineFault } from '../../recording/line.ts'
import { Replay } from '../../recording/replay.ts'
import { absolute, type CliContext } from '../context.ts'
import { fileFault } from '../file-fault.ts'
import { CommandError, Exit, painter } from '../io.ts'
import { accountLines, concerns, isError, isQuiet } from '../replay-format.ts'

export interface ReplayOptions {
  readonly file: string
  readonly json: boolean
  readonly errors: boolean
  readonly client?: string | undefined
}

/** Bytes of a line; the longest step has a datagram of 64 KiB in it, as hexadecimal digits. */
const LONGEST_LINE = 1 << 22

/**
 * Plays a recording. Fails where an output is not as recorded, or where the
 * file is damaged, after what comes before that.
 */
export async function replay(options: ReplayOptions, { io, words }: CliContext): Promise<number> {
  const { file, json, errors, client } = options
  const paint = painter(io.stdout, io.env)
  const say = (text: string) => void io.stdout.write(`${text}\n`)
  const player = new Replay()
  const damaged = (line: number, fault: LineFault) => {
    const problem = words.say(`replay.faults.${fault}`)
    return new CommandError(words.say('replay.fault', { line, problem }), Exit.failed)
  }
  let [number, steps, differing, beganAt] = [0, 0, 0, Number.NaN]
  for await (const line of linesOf(absolute(file, io), file, words)) {
    number++
    if (line === undefined) throw damaged(number, 'too-long')
    const played = player.take(line)
    if (!played.ok) throw damaged(number, played.error)
    const { value } = played
    if (value.kind === 'began') {
      beganAt = Number.NaN
      const { version, worker } = value
      if (json) say(safeJson({ line: number, ...value }))
      else
        say(
          paint('bold', words.say(worker === 0 ? 'replay.began' : 'replay.beganWorker', { version, worker })),
        )
    } else if (value.kind === 'ended') {
      if (json) say(safeJson({ line: number, ...value }))
      else say(words.say(`replay.ended.${value.why}`))
    } else {
      const { account } = value
      steps++
      if (account.differs) differing++
      if (Number.isNaN(beganAt)) beganAt = account.at
      if (!isWanted(account, errors, client)) continue
      if (json) say(safeJson({ line: number, step: steps, ...account }))
      else if (!isQuiet(account))
        for (const text of accountLines(steps, account, beganAt, words, paint)) say(text)
    }
  }
  if (number === 0) throw new CommandError(words.say('replay.empty', { file }), Exit.failed)
  if (!json) {
    const outcome = differing === 0 ? words.say('replay.same') : words.count('replay.differing', differing)
    say(`${words.count('replay.steps', steps)} ${paint(differing === 0 ? 'green' : 'red', outcome)}`)
  }
  return differing === 0 ? Exit.ok : Exit.failed
}

function isWanted(account: Account, errors: boolean, client: string | undefined): boolean {
  return (!errors || isError(account)) && (client === undefined || concerns(account, client))
}

/** The lines of a file, one at a time; `undefined` for one that is longer than any may be, and nothing after it. */
async function* linesOf(
  path: string,
  file: string,
  words: CliContext['words'],
): AsyncGenerator<string | undefined> {
  let rest = ''
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop()!
      yield* lines
      if (rest.length > LONGEST_LINE) {
        yield undefined
        return
      }
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw fileFault('read', file, error, words)
  }
  if (rest !== '') yield rest
}
