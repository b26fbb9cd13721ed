export { CREATED, goldens, type Golden } from './goldens.ts';
