// Models of the user's own, in the library of the package `onnxruntime-node`.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Guard } from 'aispm'

const models = fileURLToPath(new URL('../onnx', import.meta.url))
const reference = JSON.parse(readFileSync(`${models}/reference.json`, 'utf8'))
const guard = (policy) => Guard.fromYaml(JSON.stringify({ models: policy }))
const close = (a, b) => assert.ok(Math.abs(a - b) < 1e-5, `${a} ${b}`)

test('names are those of the reference, in UTF-16', () => {
  const names = guard({ names: `${models}/names` })
  for (const { text, entities } of reference.names) {
    const found = names.checkInputSync(text).findings.filter(({ rule }) => rule === 'names')
    assert.deepEqual(
      found.map(({ type, start, end }) => [type, text.slice(start, end)]),
      entities.map(({ kind, start, end }) => [kind, [...text].slice(start, end).join('')]),
    )
    found.forEach(({ score }, i) => close(score, entities[i].probability))
  }
})

test('probabilities are those of the reference', () => {
  const injection = guard({ injection: `${models}/injection` })
  const { text, probabilities } = reference.injection[0]
  const found = injection.checkInputSync(text).findings.find(({ rule }) => rule === 'injection')
  // even chances count as the built-in detector's threshold for prompts
  const [safe, bad] = [probabilities[0] * 0.31, probabilities[1] * 0.69]
  close(found.score, bad / (safe + bad))
})

test('a folder that is no model is an error that says what to do', () => {
  assert.throws(() => guard({ names: `${models}/injection` }), { code: 'invalid', message: /sequence classifier/ })
  assert.throws(() => guard({ names: models }), { code: 'unreadable' })
})
