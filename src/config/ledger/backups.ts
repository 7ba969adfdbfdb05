import { expandPath } from '../find.ts'
import type { ConfigReport } from '../messages/report.ts'
import { type Place, readKeyOrFile } from '../place.ts'
import type { Written } from '../schema/schema.ts'

type WrittenBackups = NonNullable<Exclude<Written['ledger'], false>['backups']>

/** Reads the secret that backups need, and makes the path of their folder absolute. */
export function readBackups(written: WrittenBackups, place: Place, report: ConfigReport): WrittenBackups {
  const at = ['ledger', 'backups']
  const { folder, s3 } = written
  if ((folder === undefined) === (s3 === undefined)) report.error(at, 'backups-one-of')
  if (folder !== undefined) {
    const path = expandPath(folder, place.folder, place.env)
    if (path.ok) return { ...written, folder: path.value }
    report.fault([...at, 'folder'], path.error)
  }
  if (!s3) return written
  const { secretAccessKey: value, secretAccessKeyFile: file, ...rest } = s3
  if ((value === undefined) === (file === undefined)) {
    report.error([...at, 's3'], 's3-secret-one-of')
    return written
  }
  const secret = readKeyOrFile({ value, file }, place)
  if (secret.ok) return { ...written, s3: { ...rest, secretAccessKey: secret.value } }
  report.fault([...at, 's3', 'secretAccessKeyFile'], secret.error)
  return written
}
