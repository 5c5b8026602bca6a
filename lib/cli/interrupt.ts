// Ctrl-C asks the work to stop at the next safe place; a second one ends the program at once.
import { preemptSignal, stopping, stopSignal } from '../distributed/launch.ts';
import { LeiaError } from '../system/error.ts';

type Handlers = Partial<Record<NodeJS.Signals, () => void>>;

/**
 * Runs `work` with a signal that SIGINT, SIGTERM and SIGHUP abort. When a terminal closes, both the kernel and the shell
 * send SIGHUP, and systemd may send it after SIGTERM. So SIGHUP, however often it comes, never ends the program at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = stopper(controller);
  const hangUp = () => controller.abort();
  const handlers = { SIGINT: stop, SIGTERM: stop, SIGHUP: hangUp };
  return await handling(handlers, () => work(controller.signal));
}

/** Why a signal aborts that a batch system has sent: that is no failure. */
export const preempted = 'preempted';

/**
 * The same for work that saves where it stands, so that a batch system may pre-empt it with SIGTERM or SIGUSR1: that it
 * was stopped so is no failure. The launcher of several ranks sends them one of two signals, for either way to stop.
 * These signals, however often they come, do not end the program at once, since batch systems send several.
 *
 * @param work may call `preempt` too: a rank that was not asked itself stops as those that were.
 * @returns what `work` gives, or undefined if it was stopped so.
 */
export async function preemptible<T>(
  work: (signal: AbortSignal, preempt: () => void) => Promise<T>,
): Promise<T | undefined> {
  const controller = new AbortController();
  const preempt = () => controller.abort(preempted);
  const stop = stopper(controller);
  const hangUp = () => controller.abort();
  const handlers = {
    SIGINT: stop,
    SIGHUP: hangUp,
    [stopSignal]: hangUp,
    SIGTERM: preempt,
    [preemptSignal]: preempt,
  };
  return await handling(handlers, async () => {
    try {
      return await work(controller.signal, preempt);
    } catch (error) {
      if (controller.signal.reason !== preempted) throw error;
      if (!(error instanceof LeiaError) || error.code !== 'interrupted') throw error;
      process.stderr.write(`${error.message}\n`);
      return undefined;
    } finally {
      ignoreLauncher();
    }
  });
}

const ignore = () => {};

/** A launcher sends its signals until the job has ended. Without a handler they would kill a rank whose work is done. */
function ignoreLauncher(): void {
  for (const signal of [stopSignal, preemptSignal] as const) {
    if (!process.listeners(signal).includes(ignore)) process.on(signal, ignore);
  }
}

function stopper(controller: AbortController): () => void {
  let asked = false;
  return () => {
    if (asked) process.exit(130);
    asked = true;
    process.stderr.write(stopping);
    controller.abort();
  };
}

async function handling<T>(handlers: Handlers, work: () => Promise<T>): Promise<T> {
  const entries = Object.entries(handlers);
  for (const [signal, handler] of entries) process.on(signal, handler);
  try {
    return await work();
  } finally {
    for (const [signal, handler] of entries) process.off(signal, handler);
  }
}
