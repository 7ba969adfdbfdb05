import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { AwsClient } from 'aws4fetch'
import { errorOf, messageOf } from '../../base/stack.ts'
import { chunked } from './age.ts'
import type { BackupStore, StoredFile } from './store.ts'

/** Octets of a part; S3 wants at least 5 MiB, and takes 10,000 of them. */
const PART = 5 << 20
/** Times that something is tried, and milliseconds before the second time; each further one waits twice as long. */
const [TRIES, FIRST_WAIT] = [6, 1000]
/** Milliseconds that one request may take: a part over a slow line. */
const PATIENCE = 300_000
/** Octets of an answer that are read of something that is not a file. */
const MOST_ANSWER = 4 << 20

export interface S3Plan {
  /** `https://…`, without the bucket. */
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  /** Stands before every name; '' or with a slash at its end. */
  readonly prefix: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

interface Asked {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** A store that speaks S3. Addresses have the bucket in the path, which every server takes. */
export class S3Store implements BackupStore {
  readonly name: string
  readonly #plan: S3Plan
  readonly #client: AwsClient
  readonly #firstWait: number

  constructor(plan: S3Plan, firstWait = FIRST_WAIT) {
    const { bucket, prefix, accessKeyId, secretAccessKey, region } = plan
    this.name = `s3://${bucket}/${prefix}`
    this.#plan = plan
    this.#firstWait = firstWait
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 })
  }

  /** In one request where it is small, else in parts, of which one is in memory at a time. */
  async put(name: string, octets: AsyncIterable<Buffer>, told = (_: number) => {}): Promise<void> {
    let upload: Upload | undefined
    try {
      for await (const { chunk, isLast } of chunked(octets, PART)) {
        if (isLast && !upload) {
          await this.#text(name, { method: 'PUT', body: chunk })
          told(chunk.length)
          return
        }
        upload ??= { id: await this.#begin(name), etags: [], octets: 0 }
        await this.#part(name, upload, chunk)
        told((upload.octets += chunk.length))
      }
      await this.#complete(name, upload!)
    } catch (error) {
      // Parts of what was never finished would be paid for.
      if (upload) await this.#text(name, { method: 'DELETE', query: { uploadId: upload.id } }).catch(() => {})
      throw error
    }
  }

  /** A connection that breaks is opened again where it broke, as long as the file is the same. */
  async *get(name: string): AsyncGenerator<Buffer> {
    let at = 0
    let etag: string | undefined
    for (let tries = 1; ; tries++) {
      const headers = {
        ...(at > 0 && { range: `bytes=${at}-` }),
        ...(etag !== undefined && { 'if-match': etag }),
      }
      const answer = await this.#ask(name, { headers })
      if (at > 0 && answer.status !== 206) throw new Error(`${this.name}${name} cannot be gone on with`)
      etag ??= answer.headers.get('etag') ?? undefined
      try {
        for await (const piece of answer.body ?? []) {
          at += piece.length
          tries = 1
          yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
        }
        return
      } catch (error) {
        if (tries >= TRIES || etag === undefined) throw this.#failed(name, error)
        await this.#pause(tries)
      }
    }
  }

  async list(): Promise<StoredFile[]> {
    const files: StoredFile[] = []
    const { prefix } = this.#plan
    for (let more = ''; ; ) {
      const next = more === '' ? {} : { 'continuation-token': more }
      const text = await this.#text(undefined, { query: { 'list-type': '2', prefix, ...next } })
      for (const [, entry = ''] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const name = element(entry, 'Key').slice(prefix.length)
        if (!name.includes('/')) files.push({ name, size: Number(element(entry, 'Size')) })
      }
      more = element(text, 'NextContinuationToken')
      if (more === '') return files
    }
  }

  async remove(name: string): Promise<void> {
    await this.#text(name, { method: 'DELETE' })
  }

  async #begin(name: string): Promise<string> {
    const id = element(await this.#text(name, { method: 'POST', query: { uploads: '' } }), 'UploadId')
    if (id === '') throw new Error(`${this.name} takes no files in parts`)
    return id
  }

  async #part(name: string, { id, etags }: Upload, body: Buffer): Promise<void> {
    const query = { partNumber: String(etags.length + 1), uploadId: id }
    const answer = await this.#ask(name, { method: 'PUT', query, body })
    await answer.arrayBuffer()
    etags.push(answer.headers.get('etag') ?? '')
  }

  async #complete(name: string, { id, etags }: Upload): Promise<void> {
    const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)
    const text = await this.#text(name, { method: 'POST', query: { uploadId: id }, body })
    // The status was sent before the server knew how it would end.
    if (!text.includes('CompleteMultipartUploadResult')) throw this.#failed(name, element(text, 'Code'))
  }

  async #text(name: string | undefined, asked: Asked): Promise<string> {
    const answer = await this.#ask(name, asked)
    return textOf(answer)
  }

  /** Asks until the server answers with what was wanted, or says that it never will. */
  async #ask(name: string | undefined, asked: Asked): Promise<Response> {
    for (let tries = 1; ; tries++) {
      const last = await this.#once(name, asked).catch((error: unknown) => this.#failed(name, error))
      if (!(last instanceof Error)) {
        if (last.ok) return last
        const error = this.#failed(name, `${last.status} ${element(await textOf(last), 'Code')}`.trim())
        if (last.status < 500 && last.status !== 429 && last.status !== 408) throw error
        if (tries >= TRIES) throw error
      } else if (tries >= TRIES) throw last
      await this.#pause(tries)
    }
  }

  #once(
    name: string | undefined,
    { method = 'GET', query = {}, body, headers = {} }: Asked,
  ): Promise<Response> {
    const { endpoint, bucket, prefix } = this.#plan
    const key = name === undefined ? '' : `/${prefix}${name}`
    const url = new URL(`${endpoint.replace(/\/$/, '')}/${bucket}${key}`)
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
    const hash = createHash('sha256')
      .update(body ?? '')
      .digest('hex')
    return this.#client.fetch(url.href, {
      method,
      headers: { ...headers, 'x-amz-content-sha256': hash },
      ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      // To a server that we have not been told of, nothing is sent.
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
    })
  }

  #failed(name: string | undefined, error: unknown): Error {
    return new Error(`${this.name}${name ?? ''}: ${wordsOf(error)}`)
  }

  #pause(tries: number): Promise<void> {
    return wait(this.#firstWait * 2 ** (tries - 1))
  }
}

interface Upload {
  readonly id: string
  readonly etags: string[]
  octets: number
}

/** What `fetch` rejects with says no more than that it failed; its cause says why. */
function wordsOf(error: unknown): string {
  const { cause, name } = errorOf(error)
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.message
  return name === 'TimeoutError' ? 'no answer' : messageOf(error)
}

async function textOf(answer: Response): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of answer.body ?? []) {
    pieces.push(Buffer.from(piece))
    length += piece.length
    if (length > MOST_ANSWER) throw new Error('the answer is too long')
  }
  return Buffer.concat(pieces).toString('utf8')
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** The text of the first element of this name; '' where there is none. */
function element(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? ''
  return text.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, named) => {
    if (named !== undefined) return ENTITIES[named] ?? all
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
  })
}
