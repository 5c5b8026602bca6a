// The operations on variables: each calls the forward of `leia/ops` and notes how the backward is called. Operands are
// variables, or tensors that have no gradient. Shapes, dtypes, formulas and errors are those of the operation.
export * from './functions/activations.ts';
export * from './functions/arithmetic.ts';
export * from './functions/attention.ts';
export * from './functions/elementwise.ts';
export * from './functions/losses.ts';
export * from './functions/norms.ts';
export * from './functions/products.ts';
export * from './functions/rows.ts';
export * from './functions/views.ts';
