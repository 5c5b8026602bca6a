// An operation's room has its name: `rms-norm` has rmsNormForward and rmsNormBackward. Rooms with several operations,
// which share their kernels, are listed here.

const shared: Readonly<Record<string, readonly string[]>> = {
  activation: ['gelu', 'silu', 'relu', 'tanh', 'sigmoid'],
  compare: ['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'],
  binary: ['add', 'subtract', 'multiply', 'divide'],
};

/** The room of an operation, in kebab-case: rmsNormBackward -> rms-norm, addBackward -> binary. */
export function roomOf(operation: string): string {
  const base = operation.replace(/(Forward|Backward)$/, '');
  const room = Object.keys(shared).find((name) => shared[name]!.includes(base));
  return room ?? base.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
