'use strict'

/** Longest message taken, in UTF-16 units. */
const LIMIT = 4 * 1024 * 1024

/**
 * A transform that lets a message go as it is decided: text that was not scanned is never emitted, what is to be
 * redacted is. A blocked message ends the stream with an error that carries the decision.
 */
function stream({ role = 'output', limit = LIMIT, session, origin } = {}) {
  const text = this.begin(role, session, origin)
  let length = 0
  const end = () => {
    const decision = text.finish()
    if (decision.action === 'block') {
      throw Object.assign(failure('blocked', decision.reasons.join('; ') || 'blocked'), { decision })
    }
    return decision.text
  }
  return new TransformStream({
    transform(chunk, controller) {
      if (typeof chunk !== 'string') throw new TypeError('a guarded stream takes strings')
      length += chunk.length
      if (length > limit) throw failure('budget', `the message is longer than ${limit} UTF-16 units`)
      const shown = text.push(chunk)
      if (shown) controller.enqueue(shown)
      if (text.isStopped) end()
    },
    flush(controller) {
      const rest = end()
      if (rest) controller.enqueue(rest)
    },
  })
}

function failure(code, message) {
  return Object.assign(new Error(message), { name: 'AispmError', code })
}

module.exports = { stream }
