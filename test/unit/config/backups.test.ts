import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freshKeys } from '../../../src/ledger/backups/age-keys.ts'
import { run } from '../../support/captured.ts'

const OTHER = {
  realm: 'turn.example.org',
  homeservers: [{ name: 'example.org', secrets: ['0f1e2d3c4b5a69788796a5b4c3d2e1f0'] }],
}
const S3 = { endpoint: 'https://s3.example.org/', bucket: 'taciturn', accessKeyId: 'taciturn' }
const { recipient, identity } = freshKeys()

async function validate(t: Test, backups: object) {
  const folder = t.testdir({ secret: 'a secret of S3\n' })
  writeFileSync(join(folder, 'turnserver.json'), JSON.stringify({ ...OTHER, ledger: { backups } }), {
    mode: 0o600,
  })
  return run(folder, ['validate', '--effective', '--config', 'turnserver.json', '--lang', 'en'])
}

t.test('backups have one place, and its secret is read from its file', async t => {
  const { code, stdout, stderr } = await validate(t as Test, {
    s3: { ...S3, prefix: 'relay1', secretAccessKeyFile: 'secret' },
    recipient,
  })
  t.match(stderr, /everyone on this machine can read/, 'that others may read it is told')
  t.equal(code, 3)
  const good = await validate(t as Test, {
    s3: { ...S3, prefix: 'relay1', secretAccessKey: 'very secret' },
    recipient,
  })
  t.equal(good.code, 0, good.stderr)
  t.match(good.stdout, /"endpoint": "https:\/\/s3\.example\.org",/)
  t.match(good.stdout, /"prefix": "relay1\/"/)
  t.match(good.stdout, /"every": "1d",\s+"keep": 14/)
  t.notMatch(good.stdout + stdout, /very secret/)
  t.match((await validate(t as Test, { folder: 'backups' })).stdout, /"folder": "\/.*\/backups"/)
})

t.test('what is wrong with them is told where it stands, and no secret is repeated', async t => {
  const key = { ...S3, secretAccessKey: 'very secret' }
  for (const [backups, told] of [
    [{}, /exactly one of "folder" and "s3"/],
    [{ folder: 'x', s3: key }, /exactly one of "folder" and "s3"/],
    [{ s3: S3 }, /exactly one of "secretAccessKey" and "secretAccessKeyFile"/],
    [{ s3: { ...key, endpoint: 'https://user:word@s3.example.org' } }, /not the URL of an S3 server/],
    [{ s3: { ...key, bucket: 'Not/This' } }, /not the name of a bucket/],
    [{ s3: { ...key, prefix: '/a' } }, /not a folder in a bucket/],
    [{ folder: 'x', recipient: recipient.slice(0, -1) }, /not a public key of age/],
    [{ folder: 'x', recipient: identity }, /secret one should not be on this machine/],
    [{ folder: 'x', every: '5m' }, /5m/],
  ] as const) {
    const { code, stderr } = await validate(t as Test, backups)
    t.equal(code, 3)
    t.match(stderr, told)
    t.notMatch(stderr, /very secret|AGE-SECRET|user:word/)
  }
})
