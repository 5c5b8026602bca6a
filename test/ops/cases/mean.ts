import { casesOf } from './sum.ts';

export const { cases, randomCase, gradients } = casesOf('mean');
