// How much a run of the tests does: `npm test` what each commit needs in minutes, `npm run test:full` all there is.

/** Whether everything is run: every case on every device, order of threads and instruction set, and every build. */
export const isFull = process.env.LEIA_TEST_FULL === '1';
