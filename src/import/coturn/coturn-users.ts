import { parseRealm, parseUserName } from '../../config/values/text.ts'
import { settlePlaceholder } from '../placeholder.ts'
import { firstWord } from './coturn-file.ts'
import type { CoturnReading } from './coturn-reading.ts'

export function readRealm(reading: CoturnReading): void {
  const line = reading.last('realm')
  if (!line || settlePlaceholder(reading.draft, reading.ledger, line, 'realm')) return
  const realm = parseRealm(firstWord(line.value))
  if (!realm.ok) {
    reading.ledger.unsupported(line, 'bad-value')
    return
  }
  reading.draft.realm = realm.value
  reading.ledger.taken(line, 'realm')
}

export function readIssuers(reading: CoturnReading): void {
  const draft = reading.draft
  for (const line of reading.all('static-auth-secret')) {
    if (line.value === '') reading.ledger.unsupported(line, 'bad-value')
    else if (settlePlaceholder(draft, reading.ledger, line, 'homeservers[0].secrets')) continue
    else if (draft.secrets.includes(line.value)) reading.ledger.unneeded(line, 'twice')
    else {
      draft.secrets.push(line.value)
      const isOdd = /\s[#;]|["';]/.test(line.value)
      reading.ledger.taken(line, 'homeservers[0].secrets', isOdd ? 'secret-whole-line' : undefined)
    }
  }
  const wantsSecret = reading.flag('use-auth-secret')
  const isOpen = draft.todo.some(({ values }) => values.into === 'homeservers[0].secrets')
  if (wantsSecret && (draft.secrets.length > 0 || isOpen))
    reading.ledger.taken(wantsSecret, 'homeservers', 'secret-is-enough')
  else if (wantsSecret) reading.ledger.unsupported(wantsSecret, 'secret-in-database')
  readUsers(reading, draft.secrets.length > 0 || wantsSecret !== undefined)
  const separator = reading.last('rest-api-separator')
  if (separator) {
    if (separator.value.startsWith(':')) reading.ledger.unneeded(separator, 'is-default')
    else reading.ledger.unsupported(separator, 'separator')
  }
  if (draft.secrets.length > 0 || draft.users.length > 0) return
  // Placeholders that were settled above are open points already.
  if (draft.todo.some(({ values }) => values.into === 'homeservers[0].secrets' || values.into === 'users'))
    return
  const usersElsewhere = reading.flag('lt-cred-mech') ?? reading.lines.find(({ key }) => DATABASES.has(key))
  const key = wantsSecret ? 'todo-secret' : usersElsewhere ? 'todo-users-database' : 'todo-issuer'
  draft.todo.push({ key, values: {} })
}

function readUsers(reading: CoturnReading, besideSecret: boolean): void {
  for (const line of reading.all('user')) {
    const colon = line.value.indexOf(':')
    const name = parseUserName(line.value.slice(0, Math.max(0, colon)))
    const password = line.value.slice(colon + 1)
    if (colon < 1 || !name.ok || password === '') reading.ledger.unsupported(line, 'bad-user')
    else if (settlePlaceholder(reading.draft, reading.ledger, { ...line, value: password }, 'users')) {
      reading.ledger.unsupported(line, 'placeholder')
    } else if (besideSecret) reading.ledger.unneeded(line, 'user-beside-secret')
    else if (reading.draft.users.some(user => user.name === name.value))
      reading.ledger.unneeded(line, 'twice')
    else if (!/^0x/i.test(password)) {
      reading.draft.users.push({ name: name.value, password })
      reading.ledger.taken(line, 'users')
    } else if (/^0x[0-9a-f]{32}$/i.test(password)) {
      reading.draft.users.push({ name: name.value, keys: { md5: password.slice(2).toLowerCase() } })
      reading.ledger.taken(line, 'users', 'user-key')
    } else reading.ledger.unsupported(line, 'user-key-form')
  }
}

/** Options that name a database of users. Without any of them coturn looks into an SQLite file of its own. */
const DATABASES = new Set([
  'userdb',
  'db',
  'psql-userdb',
  'sql-userdb',
  'mysql-userdb',
  'mongo-userdb',
  'redis-userdb',
])
