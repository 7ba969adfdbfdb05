import type { Api } from './api.ts'
import type { NameBook } from './names.ts'
import type { DialogQuestion } from './parts/dialog.ts'
import type { Store } from './store.ts'
import type { ConsoleWords } from './words.ts'

/** What every view can reach. */
export interface ConsoleContext {
  readonly words: ConsoleWords
  readonly store: Store
  readonly api: Api
  readonly names: NameBook
  /** Asks in a dialog; false when it was dismissed. */
  confirm(question: DialogQuestion): Promise<boolean>
  /** Says what an act has led to, to eyes and ears, and offers to take it back. */
  tell(text: string, level?: 'good' | 'bad', undo?: () => void): void
  /** Draws the view that is open once more, after an act. */
  redraw(): void
}

/** One page of the console. */
export interface View {
  readonly element: HTMLElement
  /** Draws what has changed. Called once a second at most, and only while the view can be seen. */
  update(): void
  /** Called each time the view is opened, and after an act. */
  open?(): void
}
