/** How bad it is, mild to grave. */
export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical'
/** What part a text plays in a conversation with a model. */
export type TextRole = 'prompt' | 'document' | 'output' | 'tool-result' | 'tool-description'
/** What to do with a text, mild to strict. */
export type Action = 'allow' | 'warn' | 'redact' | 'block'
/** How readily injections are reported: 1, 5 or 10 harmless texts in a thousand are. */
export type Sensitivity = 'low' | 'medium' | 'high'
/** Where a model's output goes: what reads it as more than text. */
export type Sink = 'html' | 'sql' | 'shell' | 'template' | 'path' | 'url' | 'spreadsheet' | 'terminal' | 'log' | 'header'

/** What is known and wrong of an estate. */
export declare class Assessment {
  /** Counts. */
  get summary(): Summary
  /** What is wrong, worst first. */
  get findings(): Array<Finding>
  /** What is wrong and somebody accepts for a while, worst first. */
  get waived(): Array<Waived>
  /** How attackers would move, worst first. */
  get paths(): Array<AttackPath>
  /** Where most paths meet. */
  get chokePoints(): Array<ChokePoint>
  /** The cheapest changes that cut the paths. */
  get fixes(): Array<Fix>
  /** Identities that may do everything. */
  get admins(): Array<string>
  /** Everything found. */
  get inventory(): Inventory
  /** Files that were understood. */
  get files(): Array<FileSeen>
  /** Files that are not of a known format. */
  get skipped(): Array<Unread>
  /** Input that should have been read but could not. */
  get incomplete(): Array<Unread>
  /** AI permissions that identities hold, against what logs show them to use, with narrowed policies. */
  get unusedPermissions(): Array<Usage>
  /** How much what is wrong matters: the estate, systems, owners, then assets, each worst first. */
  get risks(): Array<Risk>
  /** How the controls of each framework came out. */
  get coverage(): Array<Coverage>
  /** What came and went since the baseline, if one was given. */
  get baseline(): Comparison | null
  /** Plain questions of a security lead, answered. */
  get readiness(): Array<Answer>
  /** The data pack that was used, if any. */
  get dataPack(): DataInfo | null
  /** Rules that could not judge, and what they need. */
  get unknown(): Array<Unknown>
  /** What the caller should know. */
  get warnings(): Array<string>
  /** The JSON document: snake_case. */
  toJSON(): Record<string, unknown>
  /** Whether a finding is at or above this severity. */
  fails(severity: Severity): boolean
  /** What comes from assets or data (or, upstream, what they come from), each with a shortest chain. */
  lineage(question: LineageQuestion): Array<LineageAnswer>
  /** The report in a format of the command line: `text`, `json`, `sarif`, `html`, …. */
  render(format: string): string
  /**
   * Explains a finding (fingerprint, or six digits of it), an attack path, an asset, a system, an owner, a rule, or
   * `estate`.
   */
  explain(id: string): Explanation
  /** Only what one owner answers for. */
  ofOwner(owner: string): Assessment
}

/** What a guard says about one text. */
export declare class Decision {
  /** What to do: `allow`, `warn`, `redact` or `block`. */
  get action(): Action
  /** Every match before overlaps are resolved. */
  get findings(): Array<Match>
  /**
   * For messages and tool calls: the JSON pointer of the string that each finding's offsets are into. For names of
   * fields it is that of the object, and offsets are into its names, sorted by code points, one a line.
   */
  get pointers(): Array<string>
  /** The text with everything replaced that is to be redacted. */
  get text(): string
  /** Why the action is not `allow`, one line each. */
  get reasons(): Array<string>
  /** Probabilities by detector, 0 to 1. */
  get scores(): Record<string, number>
  /** How long it took, in milliseconds. */
  get latency(): number | null
  /** The JSON document: snake_case, offsets in code points. */
  toJSON(): Record<string, unknown>
}

/** What was found in one text. */
export declare class Detection {
  /** Every match by start and end, overlaps unresolved. */
  get matches(): Array<Match>
  /** Probabilities by detector, 0 to 1. */
  get scores(): Record<string, number>
  /** Disguises undone in the text. */
  get transforms(): Array<string>
  /** The JSON document: snake_case, offsets in code points. */
  toJSON(): Record<string, unknown>
}

/** What discovery saw. */
export declare class Discovery {
  /** Assets by id. */
  get assets(): Array<Asset>
  /** Relations by their ends. */
  get relations(): Array<Relation>
  /** Files that were understood. */
  get files(): Array<FileSeen>
  /** Files that are not of a known format. */
  get skipped(): Array<Unread>
  /** Input that should have been read but could not. */
  get incomplete(): Array<Unread>
  /** What the caller should know. */
  get warnings(): Array<string>
  /** The JSON document: snake_case. */
  toJSON(): Record<string, unknown>
  /** What comes from assets or data (or, upstream, what they come from), each with a shortest chain. */
  lineage(question: LineageQuestion): Array<LineageAnswer>
}

/** Decides about texts. Built once, used for as many as there are. */
export declare class Guard {
  /** Decides about a text in its role. */
  check(text: string, role?: TextRole, vault?: Vault): Promise<Decision>
  /** The same on this thread. */
  checkSync(text: string, role?: TextRole, vault?: Vault): Decision
  /** Decides about what a user writes. */
  checkInput(text: string, vault?: Vault): Promise<Decision>
  /** The same on this thread. */
  checkInputSync(text: string, vault?: Vault): Decision
  /** Decides about what the model writes. */
  checkOutput(text: string, vault?: Vault): Promise<Decision>
  /** The same on this thread. */
  checkOutputSync(text: string, vault?: Vault): Decision
  /** Decides about what a tool returns. */
  checkToolResult(text: string, vault?: Vault): Promise<Decision>
  /** The same on this thread. */
  checkToolResultSync(text: string, vault?: Vault): Decision
  /** Decides about a text within a session; `origin` is a name that the policy may weigh. */
  checkIn(session: Session, text: string, role?: TextRole, origin?: string, vault?: Vault): Promise<Decision>
  /** The same on this thread. */
  checkInSync(session: Session, text: string, role?: TextRole, origin?: string, vault?: Vault): Decision
  /** Decides about a call that the model wants to make. */
  checkToolCall(name: string, arguments: unknown, vault?: Vault, session?: Session): Promise<Decision>
  /** The same on this thread. */
  checkToolCallSync(name: string, arguments: unknown, vault?: Vault, session?: Session): Decision
  /** Decides about a conversation. */
  checkMessages(messages: Array<{ role: string; content: string }>, vault?: Vault, session?: Session): Promise<Decision>
  /** The same on this thread. */
  checkMessagesSync(messages: Array<{ role: string; content: string }>, vault?: Vault, session?: Session): Decision
  /** The guard with the built-in policy. */
  static default(options?: GuardOptions | undefined | null): Guard
  /** A guard of this YAML file, with the secret of its operators `hash`, `fake` and `encrypt`. */
  static fromFile(path: string, key?: Uint8Array | undefined | null, options?: GuardOptions | undefined | null): Guard
  /** A guard of this YAML text, with the secret of its operators `hash`, `fake` and `encrypt`. */
  static fromYaml(text: string, key?: Uint8Array | undefined | null, options?: GuardOptions | undefined | null): Guard
  /** What of the files of rules could not be taken over, and why. */
  get problems(): Array<string>
  /**
   * Begins to decide about a text that arrives in pieces, `output` unless a role is given; `stream` is made of it.
   * `origin` is a name that the policy may weigh in a session.
   */
  begin(role?: TextRole, session?: Session, origin?: string): GuardStream
  /** What the operator `encrypt` hid. */
  decrypt(text: string): string
}

/** A decision in the making: pieces in, what may be shown out. */
export declare class GuardStream {
  /** Takes the next piece; gives what can be let go, sanitised. Nothing once a finding blocks or it has ended. */
  push(piece: string): string
  /** Whether a finding blocked, so that nothing more is let go. */
  get isStopped(): boolean
  /** Ends the text: the decision about all of it, whose `text` is what was still held back, sanitised. */
  finish(): Decision | null
}

/** What a model file would do when loaded. */
export declare class ModelReport {
  /** The file as named. */
  get path(): string
  /** What the content is. */
  get format(): string
  /** How it was judged, mild to grave. */
  get verdict(): 'clean' | 'unscanned' | 'suspicious' | 'malicious'
  /** Why the file, or a part of it, was not scanned. */
  get reason(): string | null
  /** Worst first. */
  get findings(): Array<ModelFinding>
  /** SHA-256 of the file, if it was read in full. */
  get sha256(): string | null
  /** The JSON document: snake_case. */
  toJSON(): Record<string, unknown>
}

/** Restores a text that comes in pieces. Holds back at most what may still become a placeholder. */
export declare class Restorer {
  /** Takes a piece; gives what is decided by now. */
  push(piece: string): string
  /** Ends the text; gives what was held back. */
  finish(): string
}

/**
 * What is known of a conversation: what the user asked for, what the model must not repeat, how often an injection was
 * tried.
 */
export declare class Session {
  /** A session of which nothing is known. */
  constructor()
  /** What the user asks for from now on. */
  asked(request: string): void
  /** A system prompt, which the model must not repeat. */
  systemPrompt(prompt: string): void
  /** A canary to write into a system prompt, the same for the same key and name. */
  plant(key: Uint8Array, name: string): string
  /** How often prompt injection was reported. */
  get attempts(): number
}

/** Holds the values of a session under numbered placeholders and puts them back. */
export declare class Vault {
  /** An empty vault of at most so many bytes; 8 MiB by default. */
  constructor(limit?: number | undefined | null)
  /** A vault of what `toJSON` gave. */
  static fromJSON(document: unknown): Vault
  /** The vault as a JSON document, with its values in clear. */
  toJSON(): Record<string, unknown>
  /** The placeholder of this value, a new one if it has none; none if the vault is full. */
  hide(type: string, value: string): string | null
  /** The text with each placeholder of this vault replaced by its value. */
  restore(text: string): string
  /** The same for every string of a JSON value, names of fields aside. */
  restoreJSON<T>(value: T): T
  /** Restores a text that comes in pieces, with what the vault holds now. */
  restorer(): Restorer
  /** How many values it holds. */
  get size(): number
  /** Whether something did not fit; no new value is taken then. */
  get isFull(): boolean
}

/** How often something was seen to happen, and when. */
export interface Activity {
  count: number
  first?: string
  last?: string
  actions: Record<string, number>
}

/** A plain question and its answer. */
export interface Answer {
  id: string
  question: string
  answer: 'yes' | 'no' | 'unknown'
  good?: boolean
  reason: string
  asked: number
  assets: Array<string>
  rules: Array<string>
  findings: Array<string>
  evidence: Array<Evidence>
  needs?: string
  collect: Array<string>
}

/** Assesses files and folders: what AI there is, what is wrong with it, how an attacker would move. */
export declare function assess(path: string | Array<string>, options?: AssessOptions | undefined | null): Promise<Assessment>

/** What an assessment takes besides the built-in rules. */
export interface AssessOptions {
  /** Declared facts; by default `aispm.yaml` at the root of what is assessed. */
  facts?: string
  /** Further rules. */
  policy?: string | string[]
  /** An earlier assessment (JSON); only findings that it did not have are reported. */
  baseline?: string
  /** The day approvals, evidence and waivers are judged on, `YYYY-MM-DD`; by default the system's. */
  today?: string
}

/** `assess` on this thread. */
export declare function assessSync(path: string | Array<string>, options?: AssessOptions | undefined | null): Assessment

/** One thing in the estate. */
export interface Asset {
  id: string
  kind: string
  name: string
  aliases: Array<string>
  ai: boolean
  exposure?: 'local' | 'internal' | 'restricted' | 'public'
  authentication?: 'none' | 'key' | 'identity'
  encryption: Encryption
  dataClasses: Array<string>
  inheritedClasses: Array<InheritedClass>
  owner?: string
  ownerClaims: Array<OwnerClaim>
  purpose?: string
  environment?: string
  riskClass?: 'prohibited' | 'high' | 'limited' | 'minimal'
  modelType?: 'foundation' | 'fine_tuned' | 'classical'
  provenance: Provenance
  properties: Record<string, unknown>
  externalFindings: Array<ExternalFinding>
  evidence: Array<Evidence>
}

/** A chain of steps from a source to a target; `risk` is a rank, no probability. */
export interface AttackPath {
  id: string
  title: string
  source: string
  target: string
  goal: string
  consequence: 'poisoning' | 'misuse' | 'extraction' | 'data_leak' | 'denial_of_wallet' | 'takeover'
  status: 'confirmed' | 'conditional'
  conditions: Array<string>
  severity: Severity
  risk: number
  steps: Array<Step>
  fixes: Array<PathFix>
}

/** An asset that many paths pass. */
export interface ChokePoint {
  asset: string
  paths: number
}

/** A word that speaks for a match; offsets in UTF-16 units of the text as given. */
export interface Clue {
  weight: number
  start: number
  end: number
}

/** What came and went since the baseline. */
export interface Comparison {
  known: Array<Finding>
  resolved: Array<Finding>
  newPaths: Array<string>
}

/** A control of a framework. */
export interface Control {
  framework: string
  id: string
}

/** How one control came out, and why. */
export interface ControlResult {
  id: string
  name: string
  status: 'passed' | 'failed' | 'not_applicable' | 'no_evidence'
  reason: string
  rules: Array<string>
  unknown: Array<string>
  assets: number
  findings: Array<string>
  shown: Array<Shown>
  via: Array<Control>
}

/** How the controls of a framework came out. */
export interface Coverage {
  framework: string
  controls: Array<ControlResult>
}

/** The data pack that was used. */
export interface DataInfo {
  name: string
  version: string
  created: string
  expires?: string
  ageDays?: number
  signedBy?: string
}

/** Looks for injections, personal data, secrets and bad links in a text. */
export declare function detect(text: string, role?: TextRole): Promise<Detection>

/** `detect` on this thread. */
export declare function detectSync(text: string, role?: TextRole): Detection

/** Lists AI assets and their relations, with what is declared of them. */
export declare function discover(path: string | Array<string>, options?: DiscoverOptions | undefined | null): Promise<Discovery>

/** What discovery takes. */
export interface DiscoverOptions {
  /** Declared facts; by default `aispm.yaml` at the root of what is read. */
  facts?: string
}

/** `discover` on this thread. */
export declare function discoverSync(path: string | Array<string>, options?: DiscoverOptions | undefined | null): Discovery

/** What protects data, as far as known. */
export interface Encryption {
  atRest?: boolean
  inTransit?: boolean
  customerKey?: boolean
}

/** A place in the input that shows why something was said. */
export interface Evidence {
  path: string
  line?: number
  pointer?: string
  excerpt?: string
}

/** One finding, attack path, score, asset or rule, with everything that bears on it. */
export interface Explanation {
  kind: 'finding' | 'path' | 'risk' | 'rule'
  id: string
  findings: Array<Finding>
  rule?: Rule
  paths: Array<AttackPath>
  risk?: Risk
}

/** What another tool found on an asset. */
export interface ExternalFinding {
  tool: string
  rule: string
  title: string
  severity: Severity
  time?: string
  evidence: Array<Evidence>
}

/** One term of a product, and why it is so. */
export interface Factor {
  value: number
  reason: string
}

/** A file that was understood. */
export interface FileSeen {
  path: string
  format: string
  assets: number
}

/** Something wrong with an asset, with the evidence that shows it. */
export interface Finding {
  fingerprint: string
  rule: string
  title: string
  severity: Severity
  asset: string
  owner?: string
  message: string
  fix: string
  related: Array<string>
  controls: Array<Control>
  evidence: Array<Evidence>
}

/** A change that cuts paths. */
export interface Fix {
  action: string
  asset: string
  pathsCut: number
  evidence: Array<Evidence>
}

/** What a guard is given beside its policy; paths count from the working folder. */
export interface GuardOptions {
  /** Hosts that are never suspect, each with all below it. */
  allowHosts?: Array<string>
  /** Hosts that are always reported. */
  blockHosts?: Array<string>
  /** Where the model's output goes: interpreters that it must not reach as more than text. */
  sinks?: Array<Sink>
  /** Files of rules in the format of gitleaks. */
  gitleaksRules?: Array<string>
  /** Indexes of data sets to know, made by `aispm fingerprint`. */
  knownData?: Array<string>
  /** Their key; `AISPM_KNOWN_KEY` in the environment without it. */
  knownKey?: Uint8Array
  /** How readily injections are reported where the policy does not say. */
  sensitivity?: Sensitivity
}

/** A class of data that came to an asset along its lineage. */
export interface InheritedClass {
  class: string
  from: string
}

/** All assets and relations of an estate. */
export interface Inventory {
  assets: Array<Asset>
  relations: Array<Relation>
}

/** An asset that a question to the lineage found, and a shortest chain that shows it. */
export interface LineageAnswer {
  asset: string
  chain: Array<string>
}

/** Where a question to the lineage starts, and which assets it asks for. */
export interface LineageQuestion {
  /** Start at these assets. */
  from?: string | string[]
  /** Start at the assets that hold one of these classes of data. */
  classes?: string | string[]
  /** Against the data: what it comes from. */
  upstream?: boolean
  /** Only along chains that pass an asset of this kind. */
  through?: string
  /** Only assets of this kind. */
  kind?: string
}

/** A span of text that a detector points at; offsets in UTF-16 units of the text as given. */
export interface Match {
  detector: string
  type: string
  rule: string
  score: number
  severity: Severity
  start: number
  end: number
  clues: Array<Clue>
  techniques: Array<string>
}

/** One thing found in a model file. */
export interface ModelFinding {
  rule: string
  severity: Severity
  message: string
  member?: string
  byte?: number
  detail?: string
}

/** A policy in place of one that an identity holds. */
export interface Narrowed {
  policy: string
  evidence: Evidence
  document: any
}

/** One claim of who owns an asset. */
export interface OwnerClaim {
  source: string
  owner: string
  evidence: Array<Evidence>
}

/** A change as text, made for a person to review. */
export interface Patch {
  format: 'aws-policy' | 'kubernetes' | 'terraform'
  title: string
  text: string
}

/** A premise of one path, to be taken away: the path vanishes without it. */
export interface PathFix {
  action: string
  asset: string
  step: number
  premise: Premise
  evidence: Array<Evidence>
  patch?: Patch
}

/** What a step needs, and how to say that it is not so. */
export interface Premise {
  kind: string
  without: Array<string>
}

/** Where a model, data set or package comes from. */
export interface Provenance {
  publisher?: string
  source?: string
  version?: string
  revision?: string
  licence?: string
  pinned?: boolean
  signed?: boolean
  digests: Record<string, string>
}

/** `from` RELATION `to`. */
export interface Relation {
  kind: string
  from: string
  to: string
  activity?: Activity
  evidence: Array<Evidence>
}

/** How much what is wrong with the estate, a system, an owner or an asset matters, from 0 to 100. */
export interface Risk {
  subject: 'estate' | 'system' | 'owner' | 'asset'
  id: string
  name: string
  score: number
  findings: number
  terms: Array<RiskTerm>
  members: Array<RiskMember>
  average?: number
}

/** An asset of a system, owner or estate, and its score. */
export interface RiskMember {
  asset: string
  score: number
}

/** The points of one finding: severity × exposure × data × reachability. */
export interface RiskTerm {
  finding: string
  rule: string
  severity: Factor
  exposure: Factor
  data: Factor
  reachability: Factor
  points: number
}

/** What a rule says of itself. */
export interface Rule {
  id: string
  title: string
  severity: Severity
  description: string
  fix: string
  controls: Array<Control>
}

/** Judges a model file without loading it. One that cannot be read is `unscanned`, with the reason. */
export declare function scanModel(path: string): Promise<ModelReport>

/** Judges every file below a folder, in parallel and in the order of their paths. */
export declare function scanModels(path: string): Promise<Array<ModelReport>>

/** `scanModels` on this thread. */
export declare function scanModelsSync(path: string): Array<ModelReport>

/** `scanModel` on this thread. */
export declare function scanModelSync(path: string): ModelReport

/** A piece of declared evidence for a control. */
export interface Shown {
  kind: string
  reference: string
  asset?: string
  until?: string
  expired: boolean
  evidence: Evidence
}

/** One move of an attacker; `from` lists all that it needs. */
export interface Step {
  technique: string
  rule: string
  description: string
  from: Array<string>
  to: string
  conditions: Array<string>
  evidence: Array<Evidence>
}

/** Counts of an assessment. */
export interface Summary {
  assets: number
  aiAssets: number
  paths: number
  findings: Partial<Record<Severity, number>>
}

/** A rule that could not judge, and what it needs. */
export interface Unknown {
  rule: string
  needs: string
}

/** A file that was not read, or not to its end. */
export interface Unread {
  path: string
  reason: string
  critical: boolean
}

/** AI permissions of an identity against their use. */
export interface Usage {
  identity: string
  observed: Window
  used: Array<Used>
  unused: Array<string>
  unknown: Array<string>
  narrowed: Array<Narrowed>
}

/** An action that was used. */
export interface Used {
  action: string
  count: number
  on: Array<string>
}

/** The version of this package. */
export declare function version(): string

/** A finding that somebody accepts for a while. */
export interface Waived {
  finding: Finding
  waiver: Waiver
  place: Evidence
}

/** Who accepts what, why, and until when. */
export interface Waiver {
  rule: string
  asset: string
  owner: string
  reason: string
  expires: string
  ticket?: string
}

/** A time over which use was observed. */
export interface Window {
  from?: string
  until?: string
  sources: Array<string>
}
