import type { Result } from '../base/result.ts'
import { type ApiAnswer, fault, okAnswer } from './answer.ts'
import { type ApiEndpoint, type Call, type Desk, note, readAs } from './call.ts'
import type { ChangeFault } from './control.ts'
import { changeAskedShape, changeShape, changesShape } from './shapes.ts'
import type { ChangeView } from './view.ts'

/** What can be changed while the relay runs, laid over the configuration file. */
export const CHANGE_ENDPOINTS: readonly ApiEndpoint[] = [
  {
    method: 'GET',
    path: '/changes',
    needs: 'read',
    summary: 'What operators have changed over the configuration file, and the limits in force.',
    answers: changesShape,
    answer: (_, { control }) => okAnswer(control.changes()),
  },
  {
    method: 'POST',
    path: '/changes',
    needs: 'act',
    act: 'change',
    summary:
      'Pauses a homeserver, blocks a user or changes a limit: at once, and across restarts until it is undone.',
    body: changeAskedShape,
    answers: changeShape,
    answer: make,
  },
  {
    method: 'POST',
    path: '/changes/{id}/undo',
    needs: 'act',
    act: 'undo',
    summary: 'Takes a change back, so that the configuration file applies again.',
    answers: changeShape,
    answer: async ({ visitor, params }, desk) => {
      const undone = await desk.control.undo(params.id!)
      note(
        desk,
        visitor,
        'undo',
        undone.ok ? 'done' : 'failed',
        undone.ok ? targetOf(undone.value) : params.id,
      )
      return answerOf(undone)
    },
  },
]

async function make(call: Call, desk: Desk): Promise<ApiAnswer> {
  const { visitor, language } = call
  const read = readAs(changeAskedShape, call)
  if (!read.ok) return read.error
  const asked = read.value
  if (asked.kind === 'block' && (asked.user === undefined) === (asked.name === undefined))
    return fault(400, 'change.whom')
  const made = await desk.control.change(asked, visitor.who, language)
  note(desk, visitor, 'change', made.ok ? 'done' : 'failed', made.ok ? targetOf(made.value) : asked.kind)
  return answerOf(made)
}

/** What the access log says of it: no name of a user. */
function targetOf({ kind, homeserver, paused, user, until, key, value }: ChangeView): string {
  const of = homeserver === undefined ? '' : ` of ${homeserver}`
  switch (kind) {
    case 'pause':
      return `${paused ? 'pause' : 'resume'} ${homeserver}`
    case 'block':
      return `block user ${user}${of}${until === undefined ? '' : ` until ${new Date(until).toISOString()}`}`
    case 'limit':
      return `limit ${key}${of} = ${value}`
  }
}

const STATUS: Readonly<Record<ChangeFault['why'], number>> = {
  unknown: 404,
  invalid: 400,
  'too-many': 409,
  'not-kept': 507,
}

function answerOf(result: Result<ChangeView, ChangeFault>): ApiAnswer {
  if (result.ok) return okAnswer(result.value)
  const { why, text } = result.error
  return fault(STATUS[why], text.key, text.values)
}
