import { okAnswer } from './answer.ts'
import { type ApiEndpoint, note } from './call.ts'
import { notifiedShape } from './shapes.ts'

/** Tries out whether people are reached. */
export const NOTIFY_TEST: ApiEndpoint = {
  method: 'POST',
  path: '/notifications/test',
  needs: 'act',
  act: 'notify-test',
  summary: 'Sends a test message by every way that `notify` names. May take a quarter of a minute.',
  answers: notifiedShape,
  answer: async ({ visitor, language }, desk) => {
    const { sent } = await desk.control.notifyTest(language)
    const isDone = sent.length > 0 && sent.every(({ why }) => why === undefined)
    note(desk, visitor, 'notify-test', isDone ? 'done' : 'failed')
    return okAnswer({ sent: [...sent] })
  },
}
