'use strict'

// Where the package `onnxruntime-node` keeps the library that runs models of a guard's policy.
const { readdirSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { setOnnxRuntime } = require('./native.js')

const LIBRARY = /^(lib)?onnxruntime(\.\d+)*\.(so(\.\d+)*|dylib|dll)$/

/** The library, if the package is installed; it is not loaded. */
function find() {
  try {
    const bin = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin')
    for (const version of readdirSync(bin)) {
      const folder = join(bin, version, process.platform, process.arch)
      const library = readdirSync(folder).find((name) => LIBRARY.test(name))
      if (library) return join(folder, library)
    }
  } catch {
    // not installed, or not for this platform
  }
}

const library = find()
if (library) setOnnxRuntime(library)
