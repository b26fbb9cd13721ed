export { Template, type TemplateOptions } from './template.ts';
export { TemplateError } from './template-error.ts';
export type { TemplateFunction } from './functions.ts';
