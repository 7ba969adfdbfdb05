/* As much XML as UPnP needs: elements and their text. */

/** An element that has begun, or ended with `text` since the tag before. */
export interface XmlTag {
  /** Without its prefix. */
  readonly name: string
  readonly isEnd: boolean
  readonly text: string
}

/** Tags in one text at most: descriptions of home routers have some three hundred. */
const MOST_TAGS = 4000
const NAME = /^[A-Za-z_][\w.-]{0,63}$/
const PREDEFINED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * Reads the tags of a document, in linear time. Undefined for what has a document type, and
 * thereby entities, or CDATA, or is not XML as routers write it.
 */
export function xmlTags(xml: string): readonly XmlTag[] | undefined {
  const tags: XmlTag[] = []
  for (let at = 0; ; ) {
    const start = xml.indexOf('<', at)
    if (start < 0) return tags
    const isComment = xml.startsWith('<!--', start)
    if (!isComment && xml[start + 1] === '!') return undefined
    const end = isComment ? xml.indexOf('-->', start + 4) : xml.indexOf('>', start)
    if (end < 0) return undefined
    const text = xml.slice(at, start)
    at = end + (isComment ? 3 : 1)
    if (isComment || xml[start + 1] === '?') continue
    const isEnd = xml[start + 1] === '/'
    const inside = xml.slice(start + (isEnd ? 2 : 1), end)
    const isEmpty = inside.endsWith('/')
    const name = nameIn(isEmpty ? inside.slice(0, -1) : inside)
    if (name === undefined || tags.length >= MOST_TAGS) return undefined
    tags.push({ name, isEnd, text })
    if (isEmpty) tags.push({ name, isEnd: true, text: '' })
  }
}

/** The text of an element's end tag; undefined where it has an entity other than the five that XML has by itself. */
export function xmlText({ text }: XmlTag): string | undefined {
  let isKnown = true
  const plain = text.replaceAll(/&([a-z]{2,4};)?/g, (_, name?: string) => {
    const character = name && PREDEFINED[name.slice(0, -1)]
    if (!character) isKnown = false
    return character ?? ''
  })
  return isKnown ? plain.trim() : undefined
}

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function nameIn(inside: string): string | undefined {
  if (inside.includes('<')) return undefined
  const [full = ''] = inside.split(/\s/, 1)
  const name = full.slice(full.indexOf(':') + 1)
  return NAME.test(name) ? name : undefined
}
