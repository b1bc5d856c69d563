#!/usr/bin/env node
'use strict'
process.exitCode = require('../native.js').runCli(['aispm', ...process.argv.slice(2)])
