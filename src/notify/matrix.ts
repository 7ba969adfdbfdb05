import { type Exchanged, jsonObject } from '../http/exchange.ts'
import type { RunningText } from '../texts/running.ts'
import type { NotifyMessage } from './message.ts'
import { post, whyRefused } from './post.ts'
import type { Way } from './way.ts'

export interface MatrixTarget {
  /** Base of the client API, without a slash at the end. */
  readonly homeserver: string
  /** Id or alias. */
  readonly room: string
  readonly token: string
}

const API = '/_matrix/client/v3'

/** Writes to a Matrix room (Client-Server API, "Sending events to a room"). */
export function matrix({ homeserver, room, token }: MatrixTarget): Way {
  const at = (path: string) => new URL(`${homeserver}${API}${path}`)
  let joined: string | undefined
  const join = async (): Promise<RunningText | undefined> => {
    const url = at(`/join/${encodeURIComponent(room)}`)
    const answer = await post({ url, method: 'POST', body: {}, token })
    const why = whyNotTaken(answer)
    if (why !== undefined) return why
    const id = answer.kind === 'answer' ? jsonObject(answer.body)?.room_id : undefined
    if (typeof id !== 'string') return { key: 'unsent.notMatrix' }
    joined = id
    return undefined
  }
  return {
    name: 'matrix',
    send: async message => {
      const refused = joined === undefined ? await join() : undefined
      if (refused !== undefined || joined === undefined) return refused
      // The id makes sending again harmless: the homeserver knows it.
      const url = at(`/rooms/${encodeURIComponent(joined)}/send/m.room.message/${message.id}`)
      const why = whyNotTaken(await post({ url, method: 'PUT', body: bodyOf(message), token }))
      // It may have been taken out of the room; an invitation would let it in again.
      if (why !== undefined) joined = undefined
      return why
    },
  }
}

/** `m.text`, since clients do not notify of an `m.notice`. */
function bodyOf({ title, lines }: NotifyMessage) {
  const html = [`<strong>${escaped(title)}</strong>`, ...lines.map(escaped)].join('<br>')
  return {
    msgtype: 'm.text',
    body: [title, ...lines].join('\n'),
    format: 'org.matrix.custom.html',
    formatted_body: html,
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function whyNotTaken(answer: Exchanged): RunningText | undefined {
  const code = answer.kind === 'answer' && answer.status >= 400 ? jsonObject(answer.body)?.errcode : undefined
  switch (code) {
    case 'M_UNKNOWN_TOKEN':
    case 'M_MISSING_TOKEN':
      return { key: 'unsent.matrixToken' }
    case 'M_FORBIDDEN':
      return { key: 'unsent.matrixForbidden' }
    case 'M_NOT_FOUND':
      return { key: 'unsent.matrixRoom' }
    case 'M_LIMIT_EXCEEDED':
      return { key: 'unsent.matrixTooOften' }
    default:
      return whyRefused(answer)
  }
}
