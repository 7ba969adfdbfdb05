import { PassThrough } from 'node:stream'
import t from 'tap'
import { Questions } from '../../../src/system/questions.ts'

function terminal() {
  const input = new PassThrough()
  const output = new PassThrough({ encoding: 'utf8' })
  let shown = ''
  output.on('data', (text: string) => {
    shown += text
  })
  const questions = new Questions(input, output, true, () => t.fail('interrupted'))
  t.teardown(() => questions.close())
  return { input, questions, shown: () => shown }
}

t.test('U-36: two answers that are pasted at once answer two questions', async t => {
  const { input, questions } = terminal()
  const first = questions.ask('realm? ')
  input.write('turn.example.org\nexample.org\n')
  t.equal(await first, 'turn.example.org')
  t.equal(await questions.ask('homeserver? '), 'example.org')
  const third = questions.ask('and then? ')
  input.write('later\n')
  t.equal(await third, 'later', 'and one that is typed afterwards counts too')
})

t.test('U-36: what is typed as a secret is not shown, before and after it is', async t => {
  const { input, questions, shown } = terminal()
  const name = questions.ask('name? ')
  input.write('alice\n')
  t.equal(await name, 'alice')
  const token = questions.askSecret('token? ')
  input.write('syt_hidden\n')
  t.equal(await token, 'syt_hidden')
  const next = questions.ask('host? ')
  input.write('example.org\n')
  await next
  t.match(shown(), /alice[\s\S]*token\? [\s\S]*example\.org/)
  t.notMatch(shown(), 'syt_hidden')
})

t.test('U-36: the end of the input is an empty answer, and nothing hangs', async t => {
  const { input, questions } = terminal()
  const answer = questions.ask('realm? ')
  input.end()
  t.equal(await answer, '')
})
