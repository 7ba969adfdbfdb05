import type { IncomingMessage } from 'node:http'
import { fault, RefusedAnswer } from './answer.ts'

const LONGEST_BODY = 16 << 10

/** Reads a body of JSON; none at all is undefined. What is too long is not read to its end. */
export function readJson(request: IncomingMessage): Promise<unknown> {
  const tooLong = () =>
    new RefusedAnswer(
      fault(413, `a body has at most ${LONGEST_BODY} octets`, 'ask for fewer things at a time'),
    )
  return new Promise(resolve => {
    if (Number(request.headers['content-length'] ?? 0) > LONGEST_BODY) return resolve(tooLong())
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > LONGEST_BODY) {
        request.pause()
        resolve(tooLong())
      } else chunks.push(chunk)
    })
    request.on('end', () => resolve(parse(Buffer.concat(chunks).toString('utf8'))))
    request.on('close', () =>
      resolve(new RefusedAnswer(fault(400, 'the body was not sent to its end', 'ask again'))),
    )
    request.on('error', () =>
      resolve(new RefusedAnswer(fault(400, 'the body was not sent to its end', 'ask again'))),
    )
  })
}

function parse(text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return new RefusedAnswer(fault(400, 'the body is not JSON', 'send JSON, or nothing'))
  }
}
