import { z } from 'zod'
import { parseLedgerUrl } from '../values/ledger-url.ts'
import { backupsSection } from './backups.ts'
import { DAY, durationOrUnlimited, path, textField } from './fields.ts'

/* Who used how much: `ledger` of `turnserver.json`. */

const URL_EXAMPLE = 'postgresql://taciturn@db.example.org/taciturn'
const keep = (usual: string) => durationOrUnlimited({ min: DAY, max: 36_500 * DAY }, [usual]).prefault(usual)

const ledgerKeys = z.strictObject({
  postgresql: textField(parseLedgerUrl, { examples: [URL_EXAMPLE] })
    .meta({ writeOnly: true, restart: true })
    .exactOptional()
    .describe(
      'A PostgreSQL database in place of the file, which several relays may share. It is treated as a secret, since it may hold a password; without one in it, ~/.pgpass and PGPASSWORD are looked at.',
    ),
  identities: z
    .enum(['pseudonym', 'full', 'none'])
    .default('pseudonym')
    .meta({ restart: true })
    .describe(
      'How users are written down: "pseudonym" (the same person is always the same one; the key is in a file of its own in the state folder), "full" (the name in the credential), or "none" (users are not told apart).',
    ),
  keep: z
    .strictObject({
      hours: keep('90d').describe('How long use is kept by the hour. After that it is kept by the day.'),
      days: keep('730d').describe('How long it is kept by the day. After that it is kept by the month.'),
      months: keep('unlimited').describe('How long it is kept by the month. After that it is deleted.'),
    })
    .prefault({})
    .meta({ restart: true })
    .describe('How long which level of detail is kept.'),
  costs: path('/etc/taciturn/costs.json')
    .exactOptional()
    .describe(
      'A file of costs, income and electricity, for `taciturn report` and for the share of costs on pages about one person. It is read again with each reload; where it is wrong, the relay says so and goes on without it. See docs/report.md.',
    ),
  backups: backupsSection,
})

/** `false`, the whole section, or its `postgresql` alone. */
export const ledgerSection = z
  .union(
    [
      ledgerKeys,
      z.literal(false),
      z.codec(
        z.string({ error: () => 'want-ledger' }).meta({ writeOnly: true, examples: [URL_EXAMPLE] }),
        ledgerKeys,
        {
          decode: postgresql => ({ postgresql }),
          encode: ({ postgresql = '' }) => postgresql,
        },
      ),
    ],
    { error: () => 'want-ledger' },
  )
  .prefault({})
  .describe(
    'The ledger: how much was used by whom, by the hour, for `taciturn usage`. It is kept in the state folder (SQLite), or in PostgreSQL: the URL alone is enough. No address is in it. false: nothing is kept. See docs/ledger.md.',
  )
