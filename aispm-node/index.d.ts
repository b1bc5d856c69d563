import type { Decision, Session, TextRole } from './native.js'

export * from './native.js'

/** What went wrong, and where, as far as known. Thrown by every function and method. */
export interface AispmError extends Error {
  name: 'AispmError'
  /** Stable: `unreadable`, `malformed`, `invalid`, `budget`, `usage`, `blocked`. */
  code: string
  path?: string
  line?: number
  /** Why a guarded stream ended. */
  decision?: Decision
}

/** How a guarded stream works. */
export interface StreamOptions {
  /** What the text is; `output` by default. */
  role?: TextRole
  /** Longest message taken, in UTF-16 units; 4 Mi by default. */
  limit?: number
  /** What is known of the conversation: what the model must not repeat is found across pieces. */
  session?: Session
  /** Where the text comes from, a name that the policy may weigh in a session. */
  origin?: string
}

declare module './native.js' {
  interface Guard {
    /** Lets a message go as it is decided, sanitised; a blocked one ends the stream with an `AispmError`. */
    stream(options?: StreamOptions): TransformStream<string, string>
  }
}
