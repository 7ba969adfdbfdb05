import type { NotifyMessage } from './message.ts'
import { post, whyRefused } from './post.ts'
import type { Way } from './way.ts'

export interface WebhookTarget {
  readonly url: string
  readonly token?: string
}

/** Posts JSON: a text that chat programs show, and the parts for programs. */
export function webhook(name: string, { url, token }: WebhookTarget): Way {
  return {
    name,
    send: async message =>
      whyRefused(await post({ url: new URL(url), method: 'POST', body: bodyOf(message), token })),
  }
}

function bodyOf({ id, relay, level, title, lines, findings }: NotifyMessage) {
  const text = [title, ...lines].join('\n')
  return {
    // Slack, Mattermost, Rocket.Chat, Google Chat, Teams; Discord has a name of its own for it.
    text,
    content: text,
    id,
    relay,
    level,
    title,
    findings: findings.map(({ since, until, ...rest }) => ({
      ...rest,
      since: new Date(since).toISOString(),
      ...(until !== undefined && { until: new Date(until).toISOString() }),
    })),
  }
}
