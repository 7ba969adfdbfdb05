import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { HttpRequest } from '../http/request.ts'
import type { HttpReply } from '../http/server.ts'
import { fault } from './answer.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
}
const ENTRANCES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/test': 'test.html',
  '/usage': 'usage.html',
}
/** One name in one folder: no slash, no leading dot. */
const NAME = /^\/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+$/

/** Serves the console's files, which are few, small and no secret. */
export async function servePage(
  request: HttpRequest,
  folder: string,
  entrances: Readonly<Record<string, string>> = ENTRANCES,
): Promise<HttpReply> {
  const { method, path } = request
  if (method !== 'GET' && method !== 'HEAD') {
    return fault(405, 'method', { method, allow: 'GET' }, { allow: 'GET, HEAD' })
  }
  const name = entrances[path] ?? (NAME.test(path) ? path.slice(1) : undefined)
  const type = name === undefined ? undefined : TYPES[extname(name)]
  const plain = name === undefined || type === undefined ? undefined : await read(join(folder, name))
  if (name === undefined || type === undefined || !plain) {
    return Object.hasOwn(entrances, path) ? fault(503, 'noConsole') : fault(404, 'noPage')
  }
  const wantsGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const packed = wantsGzip ? await read(join(folder, `${name}.gz`)) : undefined
  const bytes = packed ?? plain
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
  const headers = { 'cache-control': 'no-cache', vary: 'accept-encoding', etag }
  if (request.headers['if-none-match'] === etag)
    return { status: 304, headers: { ...headers, 'content-type': type } }
  return {
    status: 200,
    headers: packed ? { ...headers, 'content-encoding': 'gzip' } : headers,
    content: { type, bytes },
  }
}

async function read(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file)
  } catch {
    return undefined
  }
}
