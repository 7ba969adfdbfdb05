import { fault, okAnswer } from '../answer.ts'
import { type ApiEndpoint, type Call, type Desk, note, readAs } from '../call.ts'
import {
  testCodeShape,
  testLeftShape,
  testMeasuredShape,
  testResultShape,
  testStartAsked,
  testStartShape,
  testViewShape,
} from './test-shapes.ts'

/** What the test page asks, and what the operator asks about it. */
export const TEST_ENDPOINTS: readonly ApiEndpoint[] = [
  {
    method: 'POST',
    path: '/test/start',
    needs: 'nobody',
    summary: 'Begins a test with the code of a link, which is used up by it.',
    body: testStartAsked,
    answers: testStartShape,
    answer: (call, { tests }) => {
      const read = readAs(testStartAsked, call)
      if (!read.ok) return read.error
      const asked = read.value
      const started = tests?.start(asked.code, call.client)
      return started ? okAnswer(started) : badLink()
    },
  },
  {
    method: 'POST',
    path: '/test/link',
    needs: 'nobody',
    summary: 'How many tests the code of a link is still good for. Uses up nothing.',
    body: testStartAsked,
    answers: testLeftShape,
    answer: (call, { tests }) => {
      const read = readAs(testStartAsked, call)
      if (!read.ok) return read.error
      const asked = read.value
      const left = tests?.left(asked.code) ?? 0
      return left > 0 ? okAnswer({ left }) : badLink()
    },
  },
  {
    method: 'GET',
    path: '/test/{handle}',
    needs: 'nobody',
    summary: 'What the relay has seen of a test.',
    answers: testViewShape,
    answer: async ({ params }, { tests, control }) => {
      // Who makes a handle up costs the relay nothing.
      if (!tests?.knows(params.handle!)) return noTest()
      const view = tests.view(params.handle!, await control.traffic())
      return view ? okAnswer(view) : noTest()
    },
  },
  {
    method: 'POST',
    path: '/test/{handle}/result',
    needs: 'nobody',
    summary: 'Keeps what the browser measured, for a day, under a code that can be told on the telephone.',
    body: testMeasuredShape,
    answers: testCodeShape,
    answer: async (call, { tests, control }) => {
      const { params } = call
      const read = readAs(testMeasuredShape, call)
      if (!read.ok) return read.error
      if (!tests?.knows(params.handle!)) return noTest()
      const kept = tests.finish(params.handle!, read.value, await control.traffic())
      return kept ? okAnswer(kept) : noTest()
    },
  },
  {
    method: 'GET',
    path: '/test-results/{code}',
    needs: 'read',
    act: 'test-result',
    summary: 'What a test came to. Addresses stand in it, so it is a line of the access log.',
    answers: testResultShape,
    answer: result,
  },
]

function result({ visitor, params }: Call, desk: Desk) {
  const found = desk.tests?.result(params.code!)
  const isWritten = note(desk, visitor, 'test-result', found ? 'done' : 'failed', params.code)
  if (!found) return fault(404, 'noResult')
  return isWritten ? okAnswer(found) : fault(503, 'notLogged')
}

function badLink() {
  return fault(403, 'testLink')
}

function noTest() {
  return fault(404, 'noTest')
}
