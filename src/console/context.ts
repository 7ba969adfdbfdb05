import type { Api } from './api.ts'
import type { Names } from './names.ts'
import type { Question } from './parts/dialog.ts'
import type { Store } from './store.ts'
import type { Words } from './words.ts'

/** What every view can reach. */
export interface Context {
  readonly words: Words
  readonly store: Store
  readonly api: Api
  readonly names: Names
  /** Asks in a dialog; false when it was dismissed. */
  confirm(question: Question): Promise<boolean>
  /** Says what an act has led to, to eyes and ears. */
  tell(text: string, level?: 'good' | 'bad'): void
  /** Draws the view that is open once more. */
  redraw(): void
}

/** One page of the console. */
export interface View {
  readonly element: HTMLElement
  /** Draws what has changed. Called once a second at most, and only while the view can be seen. */
  update(): void
  /** Called each time the view is opened. */
  open?(): void
}
