// The shared vectors of `tests/conformance/`; see `tests/conformance.rs`.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  Guard,
  Session,
  Vault,
  assess,
  assessSync,
  detect,
  detectSync,
  discover,
  discoverSync,
  scanModel,
  scanModelSync,
} from 'aispm'

process.chdir(fileURLToPath(new URL('../..', import.meta.url)))

const vectors = (file) => JSON.parse(readFileSync(`tests/conformance/${file}`, 'utf8'))
const guardOf = (yaml) => (yaml ? Guard.fromYaml(yaml) : Guard.default())

/** JSON as RFC 8785 has it. */
const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`
}

/** Fields of a document that the result lacks, at any depth; maps keep their own keys. */
const MAPS = new Set(['properties', 'digests', 'scores', 'latency'])
const missing = (result, document, at = '') => {
  if (Array.isArray(document)) return document.flatMap((part, i) => missing(result?.[i], part, `${at}/${i}`))
  if (document === null || typeof document !== 'object' || typeof result === 'string') return []
  return Object.entries(document).flatMap(([name, part]) => {
    const value = result?.[name.replace(/_./g, (_) => _[1].toUpperCase())]
    if (value === undefined && name === 'schema') return []
    if (value === undefined) return [`${at}/${name}`]
    return MAPS.has(name) ? [] : missing(value, part, `${at}/${name}`)
  })
}

const temporary = ({ file, base64 }) => {
  const path = join(mkdtempSync(join(tmpdir(), 'aispm-')), file)
  writeFileSync(path, Buffer.from(base64, 'base64'))
  return path
}

// each call in its two forms
const sessionOf = (a) => {
  const session = new Session()
  session.asked(a.asked)
  session.systemPrompt(a.system_prompt)
  return session
}

const calls = {
  detect: [(a) => detectSync(a.text, a.role), (a) => detect(a.text, a.role)],
  check: [(a) => guardOf(a.guard).checkSync(a.text, a.role), (a) => guardOf(a.guard).check(a.text, a.role)],
  check_in: [
    (a) => guardOf(a.guard).checkInSync(sessionOf(a), a.text, a.role, a.origin),
    (a) => guardOf(a.guard).checkIn(sessionOf(a), a.text, a.role, a.origin),
  ],
  check_tool_call: [
    (a) => guardOf(a.guard).checkToolCallSync(a.name, a.arguments),
    (a) => guardOf(a.guard).checkToolCall(a.name, a.arguments),
  ],
  check_messages: [
    (a) => guardOf(a.guard).checkMessagesSync(a.messages),
    (a) => guardOf(a.guard).checkMessages(a.messages),
  ],
  scan_model: [(a) => scanModelSync(temporary(a)), (a) => scanModel(temporary(a))],
  discover: [(a) => discoverSync(a.path), (a) => discover(a.path)],
  assess: [(a) => assessSync(a.path, { today: a.today }), (a) => assess(a.path, { today: a.today })],
}

for (const file of ['detect.json', 'guard.json', 'scan.json', 'estate.json']) {
  for (const vector of vectors(file)) {
    test(`${file}: ${vector.name}`, async () => {
      for (const call of calls[vector.call]) {
        const result = await call(vector.arguments)
        const document = JSON.parse(JSON.stringify(result))
        assert.deepEqual(missing(result, document), [])
        delete document.latency
        if (vector.call === 'scan_model') document.path = basename(document.path)
        assert.equal(canonical(document), canonical(vector.expected))
      }
    })
  }
}

for (const { name, arguments: { path, question }, expected } of vectors('lineage.json')) {
  test(`lineage: ${name}`, async () => {
    // an option left out is undefined in JavaScript
    const asked = Object.fromEntries(Object.entries(question).filter(([, value]) => value !== null))
    assert.deepEqual((await discover(path)).lineage(asked), expected)
    assert.deepEqual(assessSync(path).lineage(asked), expected)
  })
}

for (const session of vectors('sessions.json')) {
  test(`sessions: ${session.name}`, async () => {
    const guard = Guard.fromYaml(session.guard, Buffer.from(session.key))
    const [vault, twin] = [new Vault(), new Vault()]
    for (const { role, text, hidden } of session.turns) {
      assert.equal(guard.checkSync(text, role, vault).text, hidden)
      assert.equal((await guard.check(text, role, twin)).text, hidden)
    }
    const restorer = vault.restorer()
    const restored = session.pieces.map((piece) => restorer.push(piece))
    assert.deepEqual([...restored, restorer.finish()], session.restored)
    assert.deepEqual([vault.toJSON(), twin.toJSON()], [session.vault, session.vault])
  })
}

for (const { name, text, found } of vectors('offsets.json')) {
  test(`offsets are UTF-16 units: ${name}`, () => {
    const given = detectSync(text).matches.map(({ start, end }) => [[start, end], text.slice(start, end)])
    assert.deepEqual(given, found.map(({ utf16, slice }) => [utf16, slice]))
  })
}

/** Texts with planted values, by the generator of `tests/conformance.rs`. */
function* generated(count) {
  const pieces = vectors('pieces.json')
  let state = 7
  const below = (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) % bound
  }
  const one = (kind) => pieces[kind][below(pieces[kind].length)]
  const disguised = (value) => {
    const [wide, unseen] = [below(3) === 0, below(3) === 0]
    let text = ''
    for (const [i, c] of [...value].entries()) {
      if (unseen && i > 0 && below(4) === 0) text += one('inside')
      text += wide && /[0-9]/.test(c) ? String.fromCharCode(0xff10 + Number(c)) : c
    }
    return text
  }
  for (let n = 0; n < count; n++) {
    const planted = []
    let text = ''
    for (let v = 0; v < 2; v++) {
      for (let left = below(5); left > 0; left--) text += one('around')
      const value = one('values')
      const written = disguised(value.text)
      text += one('between') + written + one('between')
      planted.push([value.type, written])
    }
    yield { text, planted }
  }
}

test('slices are what was planted', () => {
  const guard = Guard.default()
  for (const { text, planted } of generated(400)) {
    const found = detectSync(text, 'document').matches.map(({ type, start, end }) => [type, text.slice(start, end)])
    for (const value of planted) assert.ok(found.some((f) => f[0] === value[0] && f[1] === value[1]), JSON.stringify({ text, value, found }))
    const places = ({ findings }) => findings.map(({ type, start, end }) => [type, start, end])
    const stream = guard.begin('document')
    for (const piece of text.match(/[^]{1,7}/gu)) stream.push(piece)
    assert.deepEqual(places(stream.finish()), places(guard.checkSync(text, 'document')), text)
  }
})
