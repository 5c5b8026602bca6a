// Ctrl-C asks the work to stop at the next safe place; a second one ends the program at once.

/**
 * Runs `work` with a signal that SIGINT, SIGTERM and SIGHUP abort. When a terminal closes, both the kernel and the shell
 * send SIGHUP, and systemd may send it after SIGTERM. So SIGHUP, however often it comes, never ends the program at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let asked = false;
  const stop = () => {
    if (asked) process.exit(130);
    asked = true;
    process.stderr.write('\nstopping at the next safe place (again to stop at once) …\n');
    controller.abort();
  };
  const hangUp = () => controller.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', hangUp);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    process.off('SIGHUP', hangUp);
  }
}
