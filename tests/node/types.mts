// Compiled, never run: what the typings promise to ES modules.
import { type AispmError, type Decision, type Finding, type Severity, Guard, assess, detectSync } from 'aispm'

const { findings, inventory } = await assess(['a', 'b'], { policy: 'rules.yaml', facts: undefined })
const worst: Finding | undefined = findings[0]
const severity: Severity | undefined = worst?.severity
const classes: string[] = inventory.assets.flatMap((asset) => asset.dataClasses)

const guard = Guard.fromFile('guard.yaml')
const decision: Decision = await guard.checkInput('text')
const stream: TransformStream<string, string> = guard.stream({ role: 'output', limit: 10 })

// @ts-expect-error no such role
detectSync('text', 'nobody')
// @ts-expect-error an action is one of four
decision.action === 'ignore'

export const code = (error: AispmError): string => error.code
export { classes, severity, stream }
