import { parentPort, workerData } from 'node:worker_threads'
import { WebSocket } from 'ws'

/*
 * Looks at the relay in a thread of its own, so that what is read and parsed
 * here delays no packet of the stream that is measured.
 */
const {
  metrics,
  console: port,
  token,
} = workerData as {
  readonly metrics: number
  readonly console: number
  readonly token: string
}
const api = `http://127.0.0.1:${port}/api/v1`
const headers = { authorization: `Bearer ${token}` }
let feed: WebSocket | undefined

parentPort!.on('message', (what: string) => void look(what))

async function look(what: string): Promise<void> {
  switch (what) {
    case 'metrics':
      await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
      return
    case 'status':
    case 'sessions':
      await read(what)
      return
    case 'all-sessions':
      await read('sessions?limit=20000')
      return
    case 'tables':
      for (const table of ['sessions.csv', 'history.csv?span=day', 'rejected.csv']) await text(table)
      return
    case 'history':
      await text('history')
      await text('history/hours')
      return
    case 'feed':
      feed = new WebSocket(`ws://127.0.0.1:${port}/api/v1/live`)
      feed.on('open', () => feed!.send(JSON.stringify({ type: 'hello', token })))
      feed.on('message', () => {})
      return
    case 'feed-end':
      feed?.close()
      return
    case 'disconnect-all': {
      const { sessions } = await read('sessions?limit=20000')
      // The caller is the only one who talks, so it comes first.
      const users = new Set(sessions.slice(1).map(({ user }) => user))
      users.delete(sessions[0]!.user)
      await Promise.all(
        [...users].map(user => fetch(`${api}/users/${user}/disconnect`, { method: 'POST', headers })),
      )
    }
  }
}

async function text(path: string): Promise<string> {
  const answer = await fetch(`${api}/${path}`, { headers })
  const body = await answer.text()
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${body}`)
  return body
}

async function read(path: string): Promise<{ readonly sessions: readonly { readonly user: string }[] }> {
  return JSON.parse(await text(path)) as Awaited<ReturnType<typeof read>>
}
