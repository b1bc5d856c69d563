// Compiled, never run: the typings in CommonJS.
import aispm = require('aispm')

export const verdict: 'clean' | 'unscanned' | 'suspicious' | 'malicious' = aispm.scanModelSync('a').verdict
export const action: 'allow' | 'warn' | 'redact' | 'block' = aispm.Guard.default().checkSync('a').action
