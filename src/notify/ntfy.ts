import { post, whyRefused } from './post.ts'
import type { Way } from './way.ts'
import type { WebhookTarget } from './webhook.ts'

const PRIORITIES = { bad: 5, warn: 3, good: 3 } as const
const TAGS = { bad: 'rotating_light', warn: 'warning', good: 'white_check_mark' } as const

/** Publishes to a topic of ntfy as JSON, which keeps every character (docs.ntfy.sh/publish/#publish-as-json). */
export function ntfy(name: string, { url, token }: WebhookTarget): Way {
  const { origin, pathname } = new URL(url)
  return {
    name,
    send: async ({ title, lines, level }) => {
      const body = {
        topic: pathname.slice(1),
        title,
        message: lines.join('\n'),
        priority: PRIORITIES[level],
        tags: [TAGS[level]],
      }
      return whyRefused(await post({ url: new URL(`${origin}/`), method: 'POST', body, token }))
    },
  }
}
