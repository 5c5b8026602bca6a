// `leia/autograd`: a tape over the operations, for models of your own. Like `leia/ops`, what it imports needs no package
// but the native core.
export { checkpoint } from './autograd/checkpoint.ts';
export { type CustomFunction, customFunction } from './autograd/custom.ts';
export * from './autograd/functions.ts';
export { manualSeed } from './autograd/random.ts';
export { noGrad } from './autograd/recording.ts';
export { type Operand, Variable } from './autograd/variable.ts';
