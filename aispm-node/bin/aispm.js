#!/usr/bin/env node
'use strict'
require('../onnxruntime.js')
process.exitCode = require('../native.js').runCli(['aispm', ...process.argv.slice(2)])
