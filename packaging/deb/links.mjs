// Relative links of the documents, which in the package lead to fewer files than in the sources.

import { posix } from 'node:path'

const LINK = /(!?)\[([^\]]*)\]\(([^()\s]+)\)/g

/**
 * The relative links of a document, as paths from the folder of all documents.
 * @param {string} markdown
 * @param {string} file the path of the document
 * @returns {string[]}
 */
export function linksOf(markdown, file) {
  return [...markdown.matchAll(LINK)].flatMap(([, , , target]) => pathOf(target ?? '', file) ?? [])
}

/**
 * The document with the text alone where a link leads to nothing.
 * @param {string} markdown
 * @param {string} file
 * @param {(path: string) => boolean} isThere
 */
export function withLiveLinks(markdown, file, isThere) {
  return markdown.replaceAll(LINK, (link, image, text, target) => {
    const path = pathOf(target, file)
    if (path === undefined || isThere(path)) return link
    return image === '' ? text : ''
  })
}

/**
 * @param {string} target
 * @param {string} file
 */
function pathOf(target, file) {
  if (/^([a-z]+:|#|\/)/i.test(target)) return undefined
  return posix.normalize(posix.join(posix.dirname(file), target.replace(/#.*$/, ''))).replace(/\/$/, '')
}
