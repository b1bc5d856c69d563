'use strict'

/** Longest message held, in UTF-16 units. */
const LIMIT = 4 * 1024 * 1024

/**
 * A transform that holds a message until the guard has seen all of it: text that was not scanned is never emitted.
 * What is to be redacted is; a blocked message ends the stream with an error that carries the decision.
 */
function stream({ role = 'output', limit = LIMIT } = {}) {
  const guard = this
  const held = []
  let length = 0
  return new TransformStream({
    transform(chunk) {
      if (typeof chunk !== 'string') throw new TypeError('a guarded stream takes strings')
      length += chunk.length
      if (length > limit) throw failure('budget', `the message is longer than ${limit} UTF-16 units`)
      held.push(chunk)
    },
    async flush(controller) {
      const decision = await guard.check(held.join(''), role)
      if (decision.action === 'block') {
        throw Object.assign(failure('blocked', decision.reasons.join('; ') || 'blocked'), { decision })
      }
      if (decision.text) controller.enqueue(decision.text)
    },
  })
}

function failure(code, message) {
  return Object.assign(new Error(message), { name: 'AispmError', code })
}

module.exports = { stream }
