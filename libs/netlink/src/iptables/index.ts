export { LegacyTables } from './legacy-tables.ts';
