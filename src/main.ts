// The daemon's entry for supervisors: the same as `bulwark run`, with the arguments that follow.
import { runCli } from './cli'
import { createTerminal } from './ops/terminal'

if (require.main === module) void createTerminal(process).finish(io => runCli(['run', ...process.argv.slice(2)], io))
