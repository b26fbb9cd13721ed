export { parseSelector, Selector } from './selector.ts';
export { SelectorError } from './selector-error.ts';
export { labelsOf, type Labels } from './labels.ts';
export { compareBytewise, type Expression, type ValueOperator } from './expression.ts';
export type { LabelRequirement, RequiredLabels } from './required-labels.ts';
export { uniqueId } from './unique-id.ts';
