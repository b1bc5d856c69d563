'use strict'

const { inspect } = require('node:util')
const native = require('./native.js')
const { stream } = require('./stream.js')
require('./onnxruntime.js')

const { Assessment, Decision, Detection, Discovery, Guard, GuardStream } = native
const { ModelReport, Restorer, Session, Vault } = native

// each attribute of a result is converted when it is first read, and only then
for (const { prototype } of [Assessment, Decision, Detection, Discovery, ModelReport]) {
  for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (!get) continue
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = get.call(this)
        Object.defineProperty(this, name, { value, enumerable: true })
        return value
      },
    })
  }
  Object.defineProperty(prototype, inspect.custom, {
    value(depth, options) {
      return `${this.constructor.name} ${inspect(this.toJSON(), { ...options, depth: 2 })}`
    },
  })
}

Object.defineProperty(Guard.prototype, 'stream', { value: stream })

const { assess, assessSync, detect, detectSync, discover, discoverSync } = native
const { scanModel, scanModelSync, scanModels, scanModelsSync, version } = native

module.exports = {
  Assessment,
  Decision,
  Detection,
  Discovery,
  Guard,
  GuardStream,
  ModelReport,
  Restorer,
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
  scanModels,
  scanModelsSync,
  version,
}
