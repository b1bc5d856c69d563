// Builds the addon into the workspace's own target folder (`napi build` would make a second one, named for the target
// triple), then writes the loader and the typings from what napi-derive noted on the way.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateTypeDef, parseTriple, writeJsBinding } from '@napi-rs/cli'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(here)
const typeDefDir = process.env.NAPI_TYPE_DEF_TMP_FOLDER ?? join(root, 'target', 'napi-types')
mkdirSync(typeDefDir, { recursive: true })

const cargo = (...args) => {
  const env = { ...process.env, NAPI_TYPE_DEF_TMP_FOLDER: typeDefDir }
  const run = spawnSync('cargo', args, { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (run.status !== 0) process.exit(run.status ?? 1)
  return run.stdout
}

// the same packages and features in every build, so that dependencies are compiled once; with flags for the addon's own
// compilation it is built alone
const profile = process.env.PROFILE ?? 'release'
const packages = ['-p', 'aispm-core', '-p', 'aispm-node', '--features', 'aispm-core/cli,aispm-core/onnx']
const flags = process.env.RUSTC_FLAGS?.split(' ')
const what = flags ? ['rustc', '-p', 'aispm-node', '--lib'] : ['build', ...packages]
cargo(...what, '--profile', profile, '--locked', ...(flags ? ['--', ...flags] : []))
const { target_directory } = JSON.parse(cargo('metadata', '--format-version=1', '--no-deps'))
const host = cargo('--version', '--verbose').match(/^host: (.+)$/m)[1]
const library = { win32: 'aispm_node.dll', darwin: 'libaispm_node.dylib' }[process.platform] ?? 'libaispm_node.so'
const { platformArchABI } = parseTriple(host)
copyFileSync(join(target_directory, profile, library), join(here, `aispm.${platformArchABI}.node`))

const { version } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
const { dts, exports } = await generateTypeDef({ typeDefDir, cwd: here, dtsHeaderFile: 'types.txt' })
// doc comments that passed through a Rust macro arrive as raw literals
writeFileSync(join(here, 'native.d.ts'), dts.replaceAll('r" ', ''))
await writeJsBinding({
  platform: true,
  idents: [...exports, 'runCli', 'setOnnxRuntime'],
  jsBinding: 'native.js',
  binaryName: 'aispm',
  packageName: 'aispm',
  version,
  outputDir: here,
})
