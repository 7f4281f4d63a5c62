// PM2: `pm2 start ecosystem.config.js`. CommonJS on purpose: PM2 requires this file.
module.exports = {
  apps: [
    {
      name: 'bulwark',
      script: 'dist/src/cli.js',
      args: 'run',
      // One process only: two would fight over the same nonces.
      instances: 1,
      exec_mode: 'fork',
      autorestart: true,
      // 78: the configuration is wrong: a restart cannot mend it.
      stop_exit_codes: [78],
      // 75 and 70 come back, ever more slowly.
      exp_backoff_restart_delay: 500,
      // Above the keeper's own drain time (30 s): PM2's default of 1.6 s would kill it with bundles in flight.
      kill_timeout: 45_000,
      kill_retry_time: 1_000,
      max_memory_restart: '1G',
      merge_logs: true,
    },
  ],
}
