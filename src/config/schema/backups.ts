import { z } from 'zod'
import { parseRecipient, parseS3Endpoint, parseS3Prefix } from '../values/backups.ts'
import { count, DAY, duration, path, secretText, textField } from './fields.ts'

/* Where the ledger is backed up to: `ledger.backups` of `turnserver.json`. */

const EXAMPLE_KEY = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'

const s3 = z.strictObject({
  endpoint: textField(parseS3Endpoint, { examples: ['https://s3.example.org'] }).describe(
    'The server, without the bucket.',
  ),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 's3-bucket')
    .meta({ examples: ['taciturn-backups'] })
    .describe('The bucket, which must exist.'),
  region: z.string().min(1).default('us-east-1').describe('The region, where the server has several.'),
  prefix: textField(parseS3Prefix, { examples: ['relay1/'] })
    .prefault('')
    .describe('A folder in the bucket.'),
  accessKeyId: z
    .string()
    .min(1)
    .meta({ examples: ['taciturn'] })
    .describe('The name of the access key. It must be allowed to list, read, write and delete there.'),
  secretAccessKey: secretText().exactOptional().describe('The secret of that key.'),
  secretAccessKeyFile: path('/etc/taciturn/s3-secret')
    .exactOptional()
    .describe('A file that holds the secret, instead.'),
})

export const backupsSection = z
  .strictObject({
    folder: path('/mnt/nas/taciturn')
      .exactOptional()
      .describe('A folder for them, best on another machine. Either this or "s3".'),
    s3: s3.exactOptional().describe('A store that speaks S3.'),
    recipient: textField(parseRecipient, { examples: [EXAMPLE_KEY] })
      // Not a secret, but the secret key may be put here by mistake.
      .meta({ writeOnly: true })
      .exactOptional()
      .describe(
        'Encrypts them for this public key of age, from `taciturn backup key` or age-keygen. Only the secret key opens them, which the relay does not need.',
      ),
    every: duration({ min: 3600, max: 31 * DAY }, ['1d', '6h'])
      .prefault('1d')
      .describe('How often one is made.'),
    keep: count(1, 10_000).default(14).describe('How many are kept; the oldest are deleted.'),
  })
  .exactOptional()
  .describe('Backs the ledger up, without its key. `taciturn backup` makes one at once. See docs/backups.md.')
